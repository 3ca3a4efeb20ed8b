variable "name" {
  description = "Name of the function; its role and its log group are named after it."
  type        = string
  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,48}$", var.name))
    error_message = "The function's name has 1 to 48 letters, digits, '-' and '_'."
  }
}

variable "zip" {
  description = "Path of the zip that `coldstream package` wrote, for the same architecture."
  type        = string
  validation {
    condition     = fileexists(var.zip)
    error_message = "The function's zip does not exist: make it with coldstream package -o function.zip."
  }
}

variable "architecture" {
  description = "Instruction set of the zip's program, arm64 or x86_64 (package --arch amd64)."
  type        = string
  default     = "arm64"
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "runtime" {
  description = "Lambda runtime: provided.al2023 for coldstream's own zips, another for the rivals of the bench stack."
  type        = string
  default     = "provided.al2023"
  validation {
    condition     = can(regex("^(provided\\.al20[0-9]{2}|(python|nodejs|java|dotnet|ruby)[0-9.x]+)$", var.runtime))
    error_message = "The runtime is one of Lambda's names, such as provided.al2023 or python3.11."
  }
}

variable "handler" {
  description = "Handler as Lambda names it; provided.al2023 ignores it."
  type        = string
  default     = "bootstrap"
}

variable "memory_mb" {
  description = "Memory in MB; 1769 MB is one processor."
  type        = number
  default     = 512
  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "The function's memory is a whole number of MB from 128 to 10240."
  }
}

variable "timeout_seconds" {
  description = "Time limit of one invocation in seconds; Firehose waits 300 at most."
  type        = number
  default     = 60
  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 300 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "The function's time limit is 1 to 300 seconds, a whole number: Firehose waits no longer."
  }
}

variable "reserved_concurrency" {
  description = "Most invocations at the same time; -1 = no limit of its own."
  type        = number
  default     = -1
  validation {
    condition     = var.reserved_concurrency == -1 || var.reserved_concurrency >= 1 && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "The reserved concurrency is at least 1, or -1 for none: with 0 every batch would fail."
  }
}

variable "environment" {
  description = "Environment of the function, such as ENDPOINT_URL. No secrets: whoever may read the function reads them."
  type        = map(string)
  default     = {}
  validation {
    condition     = alltrue([for name, _ in var.environment : can(regex("^[a-zA-Z][a-zA-Z0-9_]+$", name)) && !startswith(name, "AWS_")])
    error_message = "The names of the environment have letters, digits and '_'; those that begin with AWS_ are Lambda's own."
  }
}

variable "function_url" {
  description = "Whether the alias has a URL. It asks for AWS signatures; nobody is allowed to call it unless IAM says so."
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

variable "vpc" {
  description = "Subnets and security groups, for a function that calls an endpoint inside a VPC; null = outside."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
  validation {
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0
    error_message = "A function inside a VPC needs at least one subnet and one security group."
  }
}

variable "backfill" {
  description = "Bucket whose objects under read_prefix are scored by S3 Batch Operations (runtime aws only), results, manifests and reports in the same bucket; null = none."
  type = object({
    bucket        = string
    kms_key_arn   = string
    read_prefix   = string
    result_prefix = string
  })
  default = null
  validation {
    condition     = var.backfill == null ? true : endswith(var.backfill.read_prefix, "/") && endswith(var.backfill.result_prefix, "/") && !startswith(var.backfill.result_prefix, var.backfill.read_prefix)
    error_message = "The prefixes of a backfill end in '/', and results do not lie among what is read."
  }
}

variable "tags" {
  description = "Tags of the function."
  type        = map(string)
  default     = {}
}
