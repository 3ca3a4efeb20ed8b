# The EC2 variant: a delivery stream whose function asks `coldstream serve` on
# instances behind an internal load balancer.

module "network" {
  source   = "../../modules/network"
  name     = var.name
  internet = false

  # What runs inside the VPC may send posts without leaving it.
  interface_endpoints = ["kinesis-firehose"]
}

module "endpoint" {
  source        = "../../modules/endpoint"
  name          = var.name
  program       = var.program
  architecture  = var.architecture
  instance_type = var.instance_type
  vpc_id        = module.network.vpc_id
  subnet_ids    = module.network.subnet_ids
}

module "scorer" {
  source          = "../../modules/scorer"
  name            = "${var.name}-thin"
  zip             = var.zip
  architecture    = var.architecture
  memory_mb       = 128
  timeout_seconds = 300
  environment     = { ENDPOINT_URL = module.endpoint.url }
  vpc             = module.endpoint.function_vpc
}

module "stream" {
  source        = "../../modules/stream"
  name          = "${var.name}-posts"
  function_arn  = module.scorer.alias_arn
  force_destroy = var.delete_objects
}

module "observe" {
  source                   = "../../modules/observe"
  name                     = var.name
  stream_name              = module.stream.name
  function_name            = module.scorer.name
  function_timeout_seconds = 300
  email                    = var.email
  kms_key_arn              = module.stream.kms_key_arn
}
