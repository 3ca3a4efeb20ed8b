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
  validation {
    condition     = var.image_tag == null ? true : can(regex("^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$", var.image_tag))
    error_message = "The image's tag has letters, digits, '_', '.' and '-'."
  }
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
    condition     = var.memory_mb >= 512 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "The container's memory is a whole number of MB from 512 to 10240."
  }
}

variable "timeout_seconds" {
  description = "Time limit of one invocation in seconds."
  type        = number
  default     = 300
  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 300 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "The function's time limit is 1 to 300 seconds, a whole number: Firehose waits no longer."
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
  description = "Days that the log is kept; one of the numbers that CloudWatch Logs knows."
  type        = number
  default     = 30
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "The log's retention is a number of days that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 or years."
  }
}
