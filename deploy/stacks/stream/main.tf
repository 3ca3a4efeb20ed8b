# The product: posts from the producer through a delivery stream, scored by the
# zip function, as objects in a bucket, with a table over them and alarms.

module "scorer" {
  source       = "../../modules/scorer"
  name         = "${var.name}-scorer"
  zip          = var.zip
  architecture = var.architecture
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
  force_destroy    = var.delete_objects
}

module "network" {
  source = "../../modules/network"
  name   = var.name
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
  vpc_id           = module.network.vpc_id
  subnet_ids       = module.network.subnet_ids
  public_address   = module.network.internet
  force_delete     = var.delete_objects
}

module "analytics" {
  source      = "../../modules/analytics"
  name        = var.name
  bucket      = module.stream.bucket
  prefix      = module.stream.prefix
  labels      = var.labels
  kms_key_arn = module.stream.kms_key_arn
}

module "observe" {
  source            = "../../modules/observe"
  name              = var.name
  stream_name       = module.stream.name
  function_name     = module.scorer.name
  producer          = var.image_tag != null && var.schedule == null
  freshness_seconds = max(900, 3 * var.buffer_seconds)
  email             = var.email
  kms_key_arn       = module.stream.kms_key_arn
}
