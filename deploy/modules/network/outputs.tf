output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "Ids of the subnets, each in a zone of its own."
  value       = aws_subnet.this[*].id
}

output "internet" {
  description = "Whether the subnets reach the internet by public addresses."
  value       = var.internet
}
