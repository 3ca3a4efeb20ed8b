output "repository" {
  description = "Repository of the image."
  value       = aws_ecr_repository.function.repository_url
}

output "name" {
  description = "Name of the function; null before an image is pushed."
  value       = one(aws_lambda_function.function[*].function_name)
}

output "arn" {
  description = "ARN of the function; null before an image is pushed."
  value       = one(aws_lambda_function.function[*].arn)
}
