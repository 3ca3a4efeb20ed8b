/**
 * # Stack raw
 *
 * The second design: posts straight to S3, to be scored later, once (S3 Batch
 * Operations) or never. They stay lines of JSON as they were sent, or Firehose
 * formats them on their way in: columns in Parquet.
 */

module "stream" {
  source         = "../../modules/stream"
  name           = var.name
  transform      = false
  prefix         = "raw/"
  buffer_mb      = var.buffer_mb
  buffer_seconds = var.buffer_seconds
  versioned      = var.versioned
  expire_days    = var.expire_days
  force_destroy  = var.delete_objects

  parquet = var.format != "parquet" ? null : {
    database = module.analytics.database
    table    = module.analytics.table
  }
}

module "scorer" {
  source          = "../../modules/scorer"
  count           = var.zip == null ? 0 : 1
  name            = "${var.name}-backfill"
  zip             = var.zip
  architecture    = var.architecture
  timeout_seconds = 300
  memory_mb       = 1769
  backfill = {
    bucket        = module.stream.bucket
    kms_key_arn   = module.stream.kms_key_arn
    read_prefix   = module.stream.prefix
    result_prefix = "backfill/out/"
  }
}

module "analytics" {
  source      = "../../modules/analytics"
  name        = var.name
  bucket      = module.stream.bucket
  prefix      = module.stream.prefix
  scored      = false
  format      = var.format
  kms_key_arn = module.stream.kms_key_arn
}

module "observe" {
  source            = "../../modules/observe"
  name              = var.name
  stream_name       = module.stream.name
  freshness_seconds = max(900, 3 * var.buffer_seconds)
  email             = var.email
  kms_key_arn       = module.stream.kms_key_arn
}
