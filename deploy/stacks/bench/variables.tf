variable "zip_aws" {
  description = "Path of the zip with --runtime aws."
  type        = string
}

variable "zip_lean" {
  description = "Path of the zip with --runtime lean."
  type        = string
}

variable "name" {
  description = "What the names of all begin with."
  type        = string
  default     = "coldstream-bench"
}

variable "architecture" {
  description = "Instruction set of zips, program and instances, arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "endpoint" {
  description = "The EC2 variant: paths of the thin zip (package --remote) and of the coldstream program, or with server fastapi of what bench/variants/ec2/bundle.sh wrote; null = without it."
  type = object({
    zip           = string
    program       = string
    instance_type = optional(string)
    server        = optional(string, "coldstream")
  })
  default = null
}

variable "container" {
  description = "Whether there is a repository for the container variant."
  type        = bool
  default     = false
}

variable "container_tag" {
  description = "Tag of the container's image in that repository; null = not pushed yet."
  type        = string
  default     = null
  validation {
    condition     = var.container_tag == null || var.container
    error_message = "container_tag needs container = true."
  }
}
