output "stream" {
  description = "Name of the delivery stream."
  value       = module.stream.name
}

output "objects" {
  description = "Where the scored posts are."
  value       = module.stream.objects
}

output "function" {
  description = "ARN of the function's alias that the stream calls."
  value       = module.scorer.alias_arn
}

output "repository" {
  description = "Repository of the producer's image."
  value       = module.producer.repository
}

output "dashboard" {
  description = "Name of the CloudWatch dashboard."
  value       = module.observe.dashboard
}

output "workgroup" {
  description = "Athena workgroup with the saved queries."
  value       = module.analytics.workgroup
}

output "queries" {
  description = "SQL of the saved queries, by name."
  value       = module.analytics.queries
}

output "function_url" {
  description = "URL of the function; null without function_url."
  value       = module.scorer.url
}

output "redshift_load" {
  description = "The load of Redshift, for aws redshift-data batch-execute-statement --cli-input-json; null without redshift."
  value       = module.analytics.redshift_load
}

output "redshift_sql" {
  description = "The statements of that load; empty without redshift."
  value       = module.analytics.redshift_sql
}

output "batch_role" {
  description = "ARN of the role for jobs of S3 Batch Operations; null without backfill."
  value       = module.scorer.batch_role_arn
}

output "next" {
  description = "The next command."
  value = (
    var.image_tag == null
    ? "coldstream image producer --arch ${var.architecture == "x86_64" ? "amd64" : "arm64"} --push ${module.producer.repository} --tag v1, then terraform apply with -var image_tag=v1; or, from this machine: producer --source sample ${local.target}"
    : "coldstream report ${module.stream.objects}"
  )
}

locals {
  target = var.kinesis_source ? "--to kinesis --stream ${module.stream.source_stream}" : "--to firehose --stream ${module.stream.name}"
}
