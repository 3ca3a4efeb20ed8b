variable "name" {
  description = "Name of the VPC."
  type        = string
  validation {
    condition     = can(regex("^[a-zA-Z0-9-]{1,64}$", var.name))
    error_message = "The VPC's name has 1 to 64 letters, digits and '-'."
  }
}

variable "zones" {
  description = "In how many zones there is a subnet: 2, or 3 for Redshift Serverless."
  type        = number
  default     = 2
  validation {
    condition     = contains([2, 3], var.zones)
    error_message = "The VPC has subnets in 2 or 3 zones."
  }
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
  validation {
    condition     = alltrue([for service in var.interface_endpoints : can(regex("^[a-z0-9][a-z0-9.-]*$", service))])
    error_message = "The interface endpoints are names of services without the region, such as kinesis-firehose or ecr.api."
  }
}

variable "s3_endpoint" {
  description = "Whether S3 is reached inside the VPC, by a gateway endpoint, which costs nothing."
  type        = bool
  default     = true
}
