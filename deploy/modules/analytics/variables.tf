variable "name" {
  description = "Name of the workgroup; the database is named after it, with '_' for '-'."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,60}$", var.name))
    error_message = "The name of the analytics has lower case letters, digits and '-'."
  }
}

variable "bucket" {
  description = "Bucket of the objects; results of queries go into its folder athena-results/."
  type        = string
}

variable "prefix" {
  description = "Folder of the objects in the bucket, ending in '/'."
  type        = string
  default     = "posts/"
  validation {
    condition     = endswith(var.prefix, "/")
    error_message = "The prefix of the objects ends in '/'."
  }
}

variable "labels" {
  description = "Labels that objects are partitioned by; empty = objects are not partitioned by label."
  type        = list(string)
  default     = []
}

variable "scored" {
  description = "Whether the posts were scored; false = as the producer sends them."
  type        = bool
  default     = true
}

variable "since" {
  description = "First day with objects, YYYY-MM-DD."
  type        = string
  default     = "2026-01-01"
  validation {
    condition     = can(formatdate("YYYY-MM-DD", "${var.since}T00:00:00Z"))
    error_message = "The first day with objects is YYYY-MM-DD."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the results of queries."
  type        = string
}

variable "scan_limit_mb" {
  description = "MB that one query may read before Athena ends it; a query costs by what it reads."
  type        = number
  default     = 10240
  validation {
    condition     = var.scan_limit_mb >= 10
    error_message = "The limit of a query is at least 10 MB, which is Athena's own."
  }
}
