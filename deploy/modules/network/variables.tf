variable "name" {
  description = "Name of the VPC."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC, a /16 to /24."
  type        = string
  default     = "10.42.0.0/20"
  validation {
    condition     = can(cidrhost(var.cidr, 0)) ? tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 24 : false
    error_message = "The VPC's addresses are an IPv4 block from /16 to /24, such as 10.42.0.0/20."
  }
}

variable "internet" {
  description = "Whether the subnets reach the internet, by a gateway and public addresses (no NAT)."
  type        = bool
  default     = true
}

variable "interface_endpoints" {
  description = "AWS services that are reached inside the VPC, such as kinesis-firehose; each costs by the hour and zone."
  type        = set(string)
  default     = []
}

variable "s3_endpoint" {
  description = "Whether S3 is reached inside the VPC, by a gateway endpoint, which costs nothing."
  type        = bool
  default     = true
}
