output "repository" {
  description = "Repository of the image, for coldstream image producer --push."
  value       = aws_ecr_repository.producer.repository_url
}

output "cluster" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.producer.name
}

output "service" {
  description = "Name of the service; null before an image is pushed and with a schedule."
  value       = one(aws_ecs_service.producer[*].name)
}

output "log_group" {
  description = "Name of the task's log group."
  value       = aws_cloudwatch_log_group.producer.name
}

output "secret_arn" {
  description = "ARN of the token's secret; null without one."
  value       = one(aws_secretsmanager_secret.token[*].arn)
}
