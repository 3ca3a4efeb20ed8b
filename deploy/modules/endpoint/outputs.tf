output "url" {
  description = "URL of the endpoint inside the VPC, for the function's ENDPOINT_URL."
  value       = "http://${aws_lb.endpoint.dns_name}"
}

output "function_environment" {
  description = "Environment of the function that asks the endpoint; the FastAPI server knows one post a request only."
  value = merge(
    { ENDPOINT_URL = "http://${aws_lb.endpoint.dns_name}" },
    var.server == "fastapi" ? { ENDPOINT_BATCH = "1" } : {},
  )
}

output "function_vpc" {
  description = "Subnets and security groups for the function, as module scorer takes them."
  value = {
    subnet_ids         = var.subnet_ids
    security_group_ids = [aws_security_group.function.id]
  }
}

output "group" {
  description = "Name of the auto scaling group."
  value       = aws_autoscaling_group.endpoint.name
}
