/**
 * # Stack bench
 *
 * All variants side by side, for bench aws: the zip with each runtime, the thin
 * function before an endpoint, and the container. All functions are copies for
 * measurements, so that bench may change their configuration.
 */

locals {
  ec2 = try(var.endpoint.server, "") == "fastapi" ? "fastapi-ec2" : "coldstream-ec2"
  zips = {
    coldstream-aws  = var.zip_aws
    coldstream-lean = var.zip_lean
  }
  targets = merge(
    { for name, m in module.zip : name => {
      function_name = m.name, arn = m.arn, kind = "zip", arch = var.architecture, copy = true, upload_bytes = tonumber(m.upload_bytes)
    } },
    { for m in module.thin : local.ec2 => {
      function_name = m.name, arn = m.arn, kind = "ec2", arch = var.architecture, copy = true, upload_bytes = tonumber(m.upload_bytes)
    } },
    { for m in module.container : "container" => {
      function_name = m.name, arn = m.arn, kind = "container", arch = "x86_64", copy = true, upload_bytes = 0
    } if var.container_tag != null },
  )
}

module "zip" {
  source       = "../../modules/scorer"
  for_each     = local.zips
  name         = "${var.name}-${each.key}"
  zip          = each.value
  architecture = var.architecture
  tags         = { "coldstream:bench" = each.key, "coldstream:bench-kind" = "zip", "coldstream:bench-copy" = "true" }
}

module "network" {
  source   = "../../modules/network"
  count    = var.endpoint == null ? 0 : 1
  name     = var.name
  internet = false
}

module "endpoint" {
  source        = "../../modules/endpoint"
  count         = var.endpoint == null ? 0 : 1
  name          = var.name
  server        = var.endpoint.server
  program       = var.endpoint.program
  architecture  = var.architecture
  instance_type = var.endpoint.instance_type
  vpc_id        = module.network[0].vpc_id
  subnet_ids    = module.network[0].subnet_ids
}

module "thin" {
  source          = "../../modules/scorer"
  count           = var.endpoint == null ? 0 : 1
  name            = "${var.name}-thin"
  zip             = var.endpoint.zip
  architecture    = var.architecture
  memory_mb       = 128
  timeout_seconds = 300
  environment     = module.endpoint[0].function_environment
  vpc             = module.endpoint[0].function_vpc
  tags            = { "coldstream:bench" = local.ec2, "coldstream:bench-kind" = "ec2", "coldstream:bench-copy" = "true" }
}

module "container" {
  source       = "../../modules/container"
  count        = var.container ? 1 : 0
  name         = "${var.name}-container"
  image_tag    = var.container_tag
  force_delete = true
  tags         = { "coldstream:bench" = "container", "coldstream:bench-kind" = "container", "coldstream:bench-copy" = "true" }
}
