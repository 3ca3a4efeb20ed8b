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

output "batch_role" {
  description = "ARN of the role for jobs of S3 Batch Operations; null without backfill."
  value       = module.scorer.batch_role_arn
}

output "next" {
  description = "The next command."
  value = (
    var.image_tag == null
    ? "coldstream image producer --push ${module.producer.repository} --tag v1, then terraform apply with -var image_tag=v1; or, from this machine: producer --source sample ${local.target}"
    : "coldstream report ${module.stream.objects}"
  )
}

locals {
  target = var.kinesis_source ? "--to kinesis --stream ${module.stream.source_stream}" : "--to firehose --stream ${module.stream.name}"
}
