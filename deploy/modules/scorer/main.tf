/**
 * # Module scorer
 *
 * The function that scores posts: a zip, its own role and log, one alias.
 */

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "function" {
  name               = "${var.name}-function"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:counts and errors, no posts; CloudWatch encrypts it with its own key
  #checkov:skip=CKV_AWS_338:how long it is kept is the user's choice, log_retention_days
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

data "aws_iam_policy_document" "function" {
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function.arn}:*"] # every stream of this log: Lambda makes their names
  }

  dynamic "statement" {
    for_each = var.vpc == null ? [] : [1]
    content {
      sid = "NetworkInterfaces"
      actions = [
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"] # any: Lambda checks for exactly this before it puts a function into a VPC; interfaces have no names beforehand
    }
  }

  dynamic "statement" {
    for_each = var.backfill == null ? [] : [var.backfill]
    content {
      sid       = "BackfillRead"
      actions   = ["s3:GetObject", "s3:GetObjectVersion"]
      resources = ["${local.bucket_arn}/${statement.value.read_prefix}*"] # every object to be scored
    }
  }

  dynamic "statement" {
    for_each = var.backfill == null ? [] : [var.backfill]
    content {
      sid       = "BackfillWrite"
      actions   = ["s3:AbortMultipartUpload", "s3:PutObject"]
      resources = ["${local.bucket_arn}/${statement.value.result_prefix}*"] # one result for each object
    }
  }

  dynamic "statement" {
    for_each = var.backfill == null ? [] : [var.backfill]
    content {
      sid       = "BackfillKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value.kms_key_arn]
    }
  }
}

resource "aws_iam_role_policy" "function" {
  name   = "function"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.function.json
}

locals {
  environment = merge(
    var.environment,
    var.backfill == null ? {} : { BACKFILL_TO = "s3://${var.backfill.bucket}/${var.backfill.result_prefix}" },
  )
}

resource "aws_lambda_function" "function" {
  #checkov:skip=CKV_AWS_50:its log has the time of each invocation; X-Ray needs a right on everything
  #checkov:skip=CKV_AWS_272:a signing profile is the account's; the code is pinned by its SHA-256 in the plan
  #checkov:skip=CKV_AWS_116:it is called synchronously; what fails is kept in processing-failed/ or reported by the job
  #checkov:skip=CKV_AWS_173:the environment holds addresses, no secrets
  #checkov:skip=CKV_AWS_117:it needs no network but with var.vpc
  #checkov:skip=CKV_AWS_115:var.reserved_concurrency; without it the account's limit holds
  function_name                  = var.name
  description                    = "Scores posts (coldstream)."
  role                           = aws_iam_role.function.arn
  runtime                        = var.runtime
  handler                        = var.handler
  architectures                  = [var.architecture]
  filename                       = var.zip
  source_code_hash               = filebase64sha256(var.zip)
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  publish                        = true
  tags                           = var.tags

  dynamic "environment" {
    for_each = length(local.environment) == 0 ? [] : [1]
    content {
      variables = local.environment
    }
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # The log group must be ours before Lambda makes one that never ends.
  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy.function]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "The version that streams call."
  function_name    = aws_lambda_function.function.function_name
  function_version = aws_lambda_function.function.version
}

resource "aws_lambda_function_url" "live" {
  count              = var.function_url ? 1 : 0
  function_name      = aws_lambda_function.function.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "AWS_IAM"
}
