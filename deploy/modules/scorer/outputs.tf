output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.function.function_name
}

output "arn" {
  description = "ARN of the function, without a version."
  value       = aws_lambda_function.function.arn
}

output "alias_arn" {
  description = "ARN of the alias live: what a stream calls."
  value       = aws_lambda_alias.live.arn
}

output "version" {
  description = "Version that the alias live stands for."
  value       = aws_lambda_function.function.version
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = aws_iam_role.function.arn
}

output "log_group" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.function.name
}

output "url" {
  description = "URL of the alias live; null without function_url."
  value       = one(aws_lambda_function_url.live[*].function_url)
}

output "upload_bytes" {
  description = "Size of what Lambda stores, in bytes."
  value       = aws_lambda_function.function.source_code_size
}

output "batch_role_arn" {
  description = "ARN of the role for jobs of S3 Batch Operations; null without backfill."
  value       = one(aws_iam_role.batch[*].arn)
}
