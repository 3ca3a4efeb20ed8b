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
  validation {
    condition     = alltrue([for label in var.labels : can(regex("^[^,/]+$", label))]) && length(distinct(var.labels)) == length(var.labels)
    error_message = "The labels are distinct and have neither ',' nor '/': they are folders and a list."
  }
}

variable "scored" {
  description = "Whether the posts were scored; false = as the producer sends them."
  type        = bool
  default     = true
}

variable "format" {
  description = "How the posts are stored: json, one line for each, or parquet (module stream's parquet)."
  type        = string
  default     = "json"
  validation {
    condition     = contains(["json", "parquet"], var.format)
    error_message = "The posts' format is json or parquet."
  }
}

variable "compressed" {
  description = "Whether lines of JSON are compressed with gzip, as module stream's compress says. Athena sees by itself, Redshift has to be told."
  type        = bool
  default     = true
}

variable "redshift" {
  description = "Redshift Serverless beside Athena: three subnets in three zones, base capacity in RPU, and when objects are loaded, such as rate(1 hour), each load costing a minute at least (schedule null = only by hand); null = without it."
  type = object({
    vpc_id     = string
    subnet_ids = list(string)
    base_rpu   = optional(number, 8)
    schedule   = optional(string)
  })
  default = null
  validation {
    condition     = var.redshift == null ? true : var.redshift.base_rpu == 4 || var.redshift.base_rpu >= 8 && var.redshift.base_rpu <= 512 && var.redshift.base_rpu % 8 == 0
    error_message = "Redshift's base capacity is 4, or 8 to 512 in steps of 8 RPU."
  }
  validation {
    condition     = var.redshift == null ? true : var.redshift.schedule == null ? true : can(regex("^(rate|cron)\\(.+\\)$", var.redshift.schedule))
    error_message = "The schedule of Redshift's loads is rate(...) or cron(...)."
  }
  validation {
    condition     = var.redshift == null ? true : length(var.redshift.subnet_ids) >= 3
    error_message = "Redshift Serverless needs three subnets in three zones."
  }
  validation {
    condition     = var.redshift == null || var.format == "json"
    error_message = "Redshift is loaded from lines of JSON: leave format at json."
  }
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
    condition     = var.scan_limit_mb >= 10 && floor(var.scan_limit_mb) == var.scan_limit_mb
    error_message = "The limit of a query is a whole number of MB, at least 10, which is Athena's own."
  }
}

variable "log_retention_days" {
  description = "Days that Redshift's logs are kept; one of the numbers that CloudWatch Logs knows."
  type        = number
  default     = 30
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "The log's retention is a number of days that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 or years."
  }
}
