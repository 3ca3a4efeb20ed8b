/**
 * # Module analytics
 *
 * The objects as a table, without a crawler: days and labels are computed from the
 * prefix. Queries run in a workgroup of their own.
 */

locals {
  database = replace(var.name, "-", "_")
  location = "s3://${var.bucket}/${var.prefix}"
  by_label = length(var.labels) > 0

  # The columns are what the producer sends and what the function answers.
  raw_columns = [
    { name = "id", type = "string" },
    { name = "text", type = "string" },
    { name = "lang", type = "string" },
    { name = "created_at", type = "string" },
    { name = "source", type = "string" },
  ]
  scored_columns = [
    { name = "message", type = "string" },
    { name = "sentiment", type = "string" },
    { name = "score", type = "double" },
    { name = "probabilities", type = "map<string,double>" },
    { name = "model", type = "string" },
    { name = "id", type = "string" },
    { name = "lang", type = "string" },
    { name = "created_at", type = "string" },
    { name = "source", type = "string" },
  ]
  columns = var.scored ? local.scored_columns : local.raw_columns

  hive = {
    json = {
      input      = "org.apache.hadoop.mapred.TextInputFormat"
      output     = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      serde      = "org.openx.data.jsonserde.JsonSerDe"
      parameters = { "ignore.malformed.json" = "false" } # a broken line shall be seen, not passed over
    }
    parquet = {
      input      = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
      output     = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
      serde      = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
      parameters = { "serialization.format" = "1" }
    }
  }

  queries = merge({
    posts_by_day = {
      text = "Posts and how many of them are distinct: delivery is at least once."
      sql  = "SELECT dt, count(*) AS posts, count(DISTINCT id) AS ids FROM posts WHERE dt >= date_format(current_date - interval '7' day, '%Y-%m-%d') GROUP BY dt ORDER BY dt"
    }
    }, !var.scored ? {} : {
    labels_by_day = {
      text = "Posts by day and label, each id once."
      sql  = "SELECT dt, sentiment, count(DISTINCT id) AS posts, avg(score) AS mean_score FROM posts WHERE dt >= date_format(current_date - interval '7' day, '%Y-%m-%d') GROUP BY dt, sentiment ORDER BY dt, sentiment"
    }
    least_certain = {
      text = "The hundred posts of today that the model is least sure of."
      sql  = "SELECT id, message, sentiment, score FROM posts WHERE dt = date_format(current_date, '%Y-%m-%d') ORDER BY score LIMIT 100"
    }
  })
}

resource "aws_glue_catalog_database" "this" {
  name = local.database
}

resource "aws_glue_catalog_table" "posts" {
  name          = "posts"
  database_name = aws_glue_catalog_database.this.name
  table_type    = "EXTERNAL_TABLE"

  parameters = merge({
    "EXTERNAL"                    = "TRUE"
    "classification"              = var.format
    "projection.enabled"          = "true"
    "projection.dt.type"          = "date"
    "projection.dt.format"        = "yyyy-MM-dd"
    "projection.dt.range"         = "${var.since},NOW"
    "projection.dt.interval"      = "1"
    "projection.dt.interval.unit" = "DAYS"
    "storage.location.template"   = "${local.location}${local.by_label ? "label=$${label}/" : ""}dt=$${dt}/"
    }, !local.by_label ? {} : {
    "projection.label.type"   = "enum"
    "projection.label.values" = join(",", var.labels)
  })

  dynamic "partition_keys" {
    for_each = concat(local.by_label ? ["label"] : [], ["dt"])
    content {
      name = partition_keys.value
      type = "string"
    }
  }

  storage_descriptor {
    location      = local.location
    input_format  = local.hive[var.format].input
    output_format = local.hive[var.format].output

    ser_de_info {
      serialization_library = local.hive[var.format].serde
      parameters            = local.hive[var.format].parameters
    }

    dynamic "columns" {
      for_each = local.columns
      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}

resource "aws_athena_workgroup" "this" {
  name          = var.name
  force_destroy = true # its saved queries and history, no data

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.scan_limit_mb * 1048576

    result_configuration {
      output_location = "s3://${var.bucket}/athena-results/"
      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.kms_key_arn
      }
    }
  }
}

resource "aws_athena_named_query" "this" {
  for_each    = local.queries
  name        = each.key
  description = each.value.text
  workgroup   = aws_athena_workgroup.this.id
  database    = aws_glue_catalog_database.this.name
  query       = each.value.sql
}
