/**
 * # Stack endpoint
 *
 * The EC2 variant: a delivery stream whose function asks `coldstream serve`, or the
 * published FastAPI server, on instances behind an internal load balancer.
 */

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
  server        = var.server
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
  environment     = module.endpoint.function_environment
  vpc             = module.endpoint.function_vpc
}

module "stream" {
  source        = "../../modules/stream"
  name          = "${var.name}-posts"
  function_arn  = module.scorer.alias_arn
  force_destroy = var.delete_objects

  # FastAPI answers about 16 posts a second: a whole MB would take longer than a
  # function may run.
  transform_buffer_mb = var.server == "fastapi" ? 0.2 : 1
}

module "observe" {
  source                   = "../../modules/observe"
  name                     = var.name
  stream_name              = module.stream.name
  function_name            = module.scorer.name
  function_log_group       = module.scorer.log_group
  function_timeout_seconds = 300
  email                    = var.email
  kms_key_arn              = module.stream.kms_key_arn
}
