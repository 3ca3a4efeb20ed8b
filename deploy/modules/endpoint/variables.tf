variable "name" {
  description = "Name of the load balancer and the group; roles and bucket are named after it."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,20}[a-z0-9]$", var.name))
    error_message = "The endpoint's name has 2 to 22 lower case letters, digits and '-': load balancers take no longer ones."
  }
}

variable "program" {
  description = "Path of the coldstream program for Linux and the instances' architecture: CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -o coldstream ./tools."
  type        = string
  validation {
    condition     = fileexists(var.program)
    error_message = "The endpoint's program does not exist: CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -o coldstream ./tools."
  }
}

variable "architecture" {
  description = "Instruction set of the program and the instances, arm64 or x86_64."
  type        = string
  default     = "arm64"
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "instance_type" {
  description = "Type of the instances; it has to fit the architecture."
  type        = string
  default     = "t4g.small"
  validation {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.instance_type))
    error_message = "The instance type is of the form t4g.small."
  }
}

variable "ami" {
  description = "Image of the instances with systemd and the AWS CLI; null = the newest Amazon Linux 2023."
  type        = string
  default     = null
}

variable "instances" {
  description = "How many instances run at least, and at most."
  type = object({
    min = number
    max = number
  })
  default = { min = 1, max = 1 }
  validation {
    condition     = var.instances.min >= 1 && var.instances.max >= var.instances.min && var.instances.max <= 100
    error_message = "The instances' min is at least 1 and their max no less than that, and at most 100."
  }
}

variable "vpc_id" {
  description = "VPC of instances, load balancer and function; it reaches S3 by an endpoint or the internet."
  type        = string
}

variable "subnet_ids" {
  description = "At least two subnets in two zones."
  type        = list(string)
  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "The endpoint needs two subnets in two zones: a load balancer has no fewer."
  }
}

variable "force_destroy" {
  description = "Whether terraform destroy deletes the bucket with the program in it."
  type        = bool
  default     = true
}
