variable "name" {
  description = "Name of the function; repository, role and log are named after it."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,46}[a-z0-9]$", var.name))
    error_message = "The container's name has 2 to 48 lower case letters, digits and '-': the repository is named after it."
  }
}

variable "image_tag" {
  description = "Tag of the image in the repository; null = not pushed yet: the repository is made, no function."
  type        = string
  default     = null
}

variable "architecture" {
  description = "Instruction set of the image, arm64 or x86_64. bench/variants builds x86_64."
  type        = string
  default     = "x86_64"
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "memory_mb" {
  description = "Memory in MB; TensorFlow needs 1 GB and more."
  type        = number
  default     = 1769
  validation {
    condition     = var.memory_mb >= 512 && var.memory_mb <= 10240
    error_message = "The container's memory is 512 to 10240 MB."
  }
}

variable "timeout_seconds" {
  description = "Time limit of one invocation in seconds."
  type        = number
  default     = 300
  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 300
    error_message = "The function's time limit is 1 to 300 seconds: Firehose waits no longer."
  }
}

variable "tags" {
  description = "Tags of the function."
  type        = map(string)
  default     = {}
}

variable "force_delete" {
  description = "Whether terraform destroy deletes the repository with the images in it."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "Days that the log is kept."
  type        = number
  default     = 30
}
