output "stream" {
  description = "Name of the delivery stream."
  value       = module.stream.name
}

output "objects" {
  description = "Where the scored posts are."
  value       = module.stream.objects
}

output "function" {
  description = "ARN of the thin function's alias."
  value       = module.scorer.alias_arn
}

output "endpoint" {
  description = "URL of the endpoint inside the VPC."
  value       = module.endpoint.url
}

output "next" {
  description = "The next command."
  value       = "producer --source sample --to firehose --stream ${module.stream.name}"
}
