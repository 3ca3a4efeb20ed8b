/**
 * # Module stream
 *
 * The delivery stream, its role and its log.
 */

data "aws_caller_identity" "this" {}
data "aws_region" "this" {}
data "aws_partition" "this" {}

locals {
  partition = data.aws_partition.this.partition
  account   = data.aws_caller_identity.this.account_id
  region    = data.aws_region.this.name
  glue      = "arn:${local.partition}:glue:${local.region}:${local.account}"
  by_label  = var.label_partitions ? "label=!{partitionKeyFromQuery:label}/" : ""
}

resource "aws_cloudwatch_log_group" "delivery" {
  #checkov:skip=CKV_AWS_158:counts and errors, no posts; CloudWatch encrypts it with its own key
  #checkov:skip=CKV_AWS_338:how long it is kept is the user's choice, log_retention_days
  name              = "/aws/kinesisfirehose/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_cloudwatch_log_stream" "delivery" {
  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.delivery.name
}

resource "aws_kinesis_stream" "source" {
  count            = var.kinesis_source ? 1 : 0
  name             = "${var.name}-source"
  retention_period = 24
  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.this.arn
  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["firehose.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "delivery" {
  name               = "${var.name}-delivery"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

data "aws_iam_policy_document" "delivery" {
  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.objects.arn]
  }
  statement {
    sid     = "Objects"
    actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = [
      "${aws_s3_bucket.objects.arn}/${var.prefix}*",      # every delivered object
      "${aws_s3_bucket.objects.arn}/processing-failed/*", # every object of failed records
    ]
  }
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }
  statement {
    sid       = "Log"
    actions   = ["logs:PutLogEvents"]
    resources = [aws_cloudwatch_log_stream.delivery.arn]
  }

  dynamic "statement" {
    for_each = var.transform ? [1] : []
    content {
      sid       = "Score"
      actions   = ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
      resources = [var.function_arn]
    }
  }

  dynamic "statement" {
    for_each = var.parquet == null ? [] : [var.parquet]
    content {
      sid     = "Schema"
      actions = ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"]
      resources = [
        "${local.glue}:catalog",
        "${local.glue}:database/${statement.value.database}",
        "${local.glue}:table/${statement.value.database}/${statement.value.table}",
      ]
    }
  }

  dynamic "statement" {
    for_each = aws_kinesis_stream.source
    content {
      sid       = "Source"
      actions   = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      resources = [statement.value.arn]
    }
  }
}

resource "aws_iam_role_policy" "delivery" {
  name   = "delivery"
  role   = aws_iam_role.delivery.id
  policy = data.aws_iam_policy_document.delivery.json
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  name        = var.name
  destination = "extended_s3"

  dynamic "kinesis_source_configuration" {
    for_each = aws_kinesis_stream.source
    content {
      kinesis_stream_arn = kinesis_source_configuration.value.arn
      role_arn           = aws_iam_role.delivery.arn
    }
  }

  # With a Kinesis source the data stream encrypts.
  dynamic "server_side_encryption" {
    for_each = var.kinesis_source ? [] : [1]
    content {
      enabled  = true
      key_type = "CUSTOMER_MANAGED_CMK"
      key_arn  = aws_kms_key.this.arn
    }
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.delivery.arn
    bucket_arn          = aws_s3_bucket.objects.arn
    prefix              = "${var.prefix}${local.by_label}dt=!{timestamp:yyyy-MM-dd}/"
    error_output_prefix = "processing-failed/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"
    buffering_size      = var.buffer_mb
    buffering_interval  = var.buffer_seconds
    compression_format  = var.compress && var.parquet == null ? "GZIP" : "UNCOMPRESSED" # Parquet compresses inside
    kms_key_arn         = aws_kms_key.this.arn

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.delivery.name
      log_stream_name = aws_cloudwatch_log_stream.delivery.name
    }

    dynamic "data_format_conversion_configuration" {
      for_each = var.parquet == null ? [] : [var.parquet]
      content {
        input_format_configuration {
          deserializer {
            open_x_json_ser_de {}
          }
        }
        output_format_configuration {
          serializer {
            parquet_ser_de {
              compression = var.compress ? "SNAPPY" : "UNCOMPRESSED"
            }
          }
        }
        schema_configuration {
          database_name = data_format_conversion_configuration.value.database
          table_name    = data_format_conversion_configuration.value.table
          role_arn      = aws_iam_role.delivery.arn
          region        = local.region
        }
      }
    }

    dynamic "dynamic_partitioning_configuration" {
      for_each = var.label_partitions ? [1] : []
      content {
        enabled = true
      }
    }

    dynamic "processing_configuration" {
      for_each = var.transform ? [1] : []
      content {
        enabled = true

        processors {
          type = "Lambda"
          parameters {
            parameter_name  = "LambdaArn"
            parameter_value = var.function_arn
          }
          # The provider drops parameters that have their default when it reads a
          # stream, so writing one would be a change in every plan.
          dynamic "parameters" {
            for_each = var.transform_buffer_mb == 1 ? [] : [var.transform_buffer_mb]
            content {
              parameter_name  = "BufferSizeInMBs"
              parameter_value = parameters.value
            }
          }
          dynamic "parameters" {
            for_each = var.transform_buffer_seconds == 60 ? [] : [var.transform_buffer_seconds]
            content {
              parameter_name  = "BufferIntervalInSeconds"
              parameter_value = parameters.value
            }
          }
        }

        dynamic "processors" {
          for_each = var.label_partitions ? [1] : []
          content {
            type = "MetadataExtraction"
            parameters {
              parameter_name  = "JsonParsingEngine"
              parameter_value = "JQ-1.6"
            }
            parameters {
              parameter_name  = "MetadataExtractionQuery"
              parameter_value = "{label:.sentiment}"
            }
          }
        }
      }
    }
  }

  depends_on = [aws_iam_role_policy.delivery]
}
