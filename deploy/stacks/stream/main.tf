/**
 * # Stack stream
 *
 * The product: posts from the producer through a delivery stream, scored by the
 * zip function, as objects in a bucket, with a table over them and alarms.
 */

module "scorer" {
  source               = "../../modules/scorer"
  name                 = "${var.name}-scorer"
  zip                  = var.zip
  architecture         = var.architecture
  memory_mb            = var.memory_mb
  reserved_concurrency = var.reserved_concurrency
  function_url         = var.function_url
  log_retention_days   = var.log_retention_days
  backfill = !var.backfill ? null : {
    bucket        = module.stream.bucket
    kms_key_arn   = module.stream.kms_key_arn
    read_prefix   = "backfill/in/"
    result_prefix = "backfill/out/"
  }
}

module "stream" {
  source           = "../../modules/stream"
  name             = var.name
  function_arn     = module.scorer.alias_arn
  buffer_mb        = var.buffer_mb
  buffer_seconds   = var.buffer_seconds
  label_partitions = length(var.labels) > 0
  kinesis_source   = var.kinesis_source
  versioned        = var.versioned
  expire_days      = var.expire_days
  force_destroy    = var.delete_objects

  log_retention_days = var.log_retention_days
}

locals {
  vpc = var.vpc != null ? var.vpc : {
    vpc_id         = one(module.network[*].vpc_id)
    subnet_ids     = one(module.network[*].subnet_ids)
    public_address = !var.private
  }
}

module "network" {
  source   = "../../modules/network"
  count    = var.vpc == null ? 1 : 0
  name     = var.name
  zones    = var.redshift == null ? 2 : 3
  internet = !var.private

  # What the task needs: its image, its log, its token, its stream.
  interface_endpoints = !var.private ? [] : [
    "ecr.api", "ecr.dkr", "logs", "secretsmanager", var.kinesis_source ? "kinesis-streams" : "kinesis-firehose",
  ]
}

module "producer" {
  source           = "../../modules/producer"
  name             = "${var.name}-producer"
  target           = var.kinesis_source ? "kinesis" : "firehose"
  stream_name      = var.kinesis_source ? module.stream.source_stream : module.stream.name
  stream_arn       = module.stream.source_arn
  kms_key_arn      = module.stream.kms_key_arn
  image_tag        = var.image_tag
  source_arguments = var.source_arguments
  schedule         = var.schedule
  token            = var.token
  token_version    = var.token_version
  architecture     = var.architecture
  vpc_id           = local.vpc.vpc_id
  subnet_ids       = local.vpc.subnet_ids
  public_address   = local.vpc.public_address
  force_delete     = var.delete_objects

  log_retention_days = var.log_retention_days
}

module "analytics" {
  source      = "../../modules/analytics"
  name        = var.name
  bucket      = module.stream.bucket
  prefix      = module.stream.prefix
  labels      = var.labels
  kms_key_arn = module.stream.kms_key_arn

  log_retention_days = var.log_retention_days
  redshift = var.redshift == null ? null : {
    vpc_id     = local.vpc.vpc_id
    subnet_ids = local.vpc.subnet_ids
    base_rpu   = var.redshift.base_rpu
    schedule   = var.redshift.schedule
  }
}

module "observe" {
  source             = "../../modules/observe"
  name               = var.name
  stream_name        = module.stream.name
  function_name      = module.scorer.name
  function_log_group = module.scorer.log_group
  kinesis_source     = var.kinesis_source
  producer           = var.image_tag != null && var.schedule == null
  freshness_seconds  = max(900, 3 * var.buffer_seconds)
  email              = var.email
  kms_key_arn        = module.stream.kms_key_arn

  # The posts of other sources are as old as they are.
  lag_seconds = length(setintersection(var.source_arguments, ["jetstream", "mastodon", "x-stream"])) > 0 ? 900 : null
}
