variable "name" {
  description = "Name of the load balancer and the group; roles and bucket are named after it."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,20}[a-z0-9]$", var.name))
    error_message = "The endpoint's name has 2 to 22 lower case letters, digits and '-': load balancers take no longer ones."
  }
}

variable "server" {
  description = "What serves: coldstream, or fastapi, the published server with TensorFlow, for comparison."
  type        = string
  default     = "coldstream"
  validation {
    condition     = contains(["coldstream", "fastapi"], var.server)
    error_message = "The endpoint's server is coldstream or fastapi."
  }
}

variable "program" {
  description = "Path of the coldstream program for Linux and the instances' architecture (CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -o coldstream ./tools); with server fastapi, of what bench/variants/ec2/bundle.sh wrote."
  type        = string
  validation {
    condition     = fileexists(var.program)
    error_message = "The endpoint's program does not exist: CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -o coldstream ./tools, or bench/variants/ec2/bundle.sh for server fastapi."
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
  validation {
    condition     = var.server != "fastapi" || var.architecture == "x86_64"
    error_message = "The endpoint's server fastapi needs architecture x86_64: its packages are pinned for that."
  }
}

variable "instance_type" {
  description = "Type of the instances; it has to fit the architecture. null = t4g.small or t3.small, with server fastapi t3.medium."
  type        = string
  default     = null
  validation {
    condition     = var.instance_type == null ? true : can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.instance_type))
    error_message = "The instance type is of the form t4g.small."
  }
}

variable "ami" {
  description = "Image of the instances with systemd and the AWS CLI, and python3.11 by dnf for server fastapi; null = the newest Amazon Linux 2023."
  type        = string
  default     = null
  validation {
    condition     = var.ami == null ? true : can(regex("^ami-[0-9a-f]{8,17}$", var.ami))
    error_message = "The image is of the form ami-0123456789abcdef0."
  }
}

variable "instances" {
  description = "How many instances run at least, and at most."
  type = object({
    min = number
    max = number
  })
  default = { min = 1, max = 1 }
  validation {
    condition     = var.instances.min >= 1 && var.instances.max >= var.instances.min && var.instances.max <= 100 && floor(var.instances.min) == var.instances.min && floor(var.instances.max) == var.instances.max
    error_message = "The instances are whole numbers: min is at least 1 max no less than that and at most 100."
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
