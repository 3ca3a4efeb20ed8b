output "stream" {
  description = "Name of the delivery stream."
  value       = module.stream.name
}

output "objects" {
  description = "Where the posts are."
  value       = module.stream.objects
}

output "function" {
  description = "ARN of the function's alias for S3 Batch Operations; null without zip."
  value       = one(module.scorer[*].alias_arn)
}

output "workgroup" {
  description = "Athena workgroup with the saved queries."
  value       = module.analytics.workgroup
}

output "batch_role" {
  description = "ARN of the role for jobs of S3 Batch Operations; null without backfill."
  value       = one(module.scorer[*].batch_role_arn)
}

output "next" {
  description = "The next command."
  value       = "producer --source sample --to firehose --stream ${module.stream.name}"
}
