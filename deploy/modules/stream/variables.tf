variable "name" {
  description = "Name of the delivery stream; roles, key, log and bucket are named after it."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$", var.name))
    error_message = "The stream's name has 2 to 32 lower case letters, digits and '-': the bucket is named after it."
  }
}

variable "transform" {
  description = "Whether a function scores the posts on their way."
  type        = bool
  default     = true
}

variable "function_arn" {
  description = "ARN of the function's alias or version that scores; not needed without transform."
  type        = string
  default     = null
  validation {
    condition     = var.function_arn == null ? true : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+:[a-zA-Z0-9_$-]+$", var.function_arn))
    error_message = "function_arn is the ARN of a function's alias or version: arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS."
  }
  validation {
    condition     = !var.transform || var.function_arn != null
    error_message = "A stream with transform needs function_arn, the alias of the function that scores."
  }
}

variable "transform_buffer_mb" {
  description = "MB of posts that one invocation gets: 0.2 to 1. More, and the answer could pass Lambda's 6 MB."
  type        = number
  default     = 1
  validation {
    condition     = var.transform_buffer_mb >= 0.2 && var.transform_buffer_mb <= 1
    error_message = "The transformation's buffer is 0.2 to 1 MB: the answer to more could pass Lambda's limit of 6 MB."
  }
}

variable "transform_buffer_seconds" {
  description = "Seconds that posts wait for an invocation: 0 to 900."
  type        = number
  default     = 60
  validation {
    condition     = var.transform_buffer_seconds >= 0 && var.transform_buffer_seconds <= 900 && floor(var.transform_buffer_seconds) == var.transform_buffer_seconds
    error_message = "The transformation's interval is 0 to 900 seconds, a whole number."
  }
}

variable "buffer_mb" {
  description = "MB that an object gathers before it is written: 1 to 128, at least 64 with label_partitions or parquet."
  type        = number
  default     = 64
  validation {
    condition     = var.buffer_mb >= 1 && var.buffer_mb <= 128 && floor(var.buffer_mb) == var.buffer_mb
    error_message = "The stream's buffer is a whole number of MB from 1 to 128."
  }
  validation {
    condition     = !var.label_partitions || var.buffer_mb >= 64
    error_message = "The stream's buffer is at least 64 MB with label_partitions."
  }
  validation {
    condition     = var.parquet == null || var.buffer_mb >= 64
    error_message = "The stream's buffer is at least 64 MB with parquet."
  }
}

variable "buffer_seconds" {
  description = "Seconds that an object gathers before it is written: 0 to 900, at least 60 with label_partitions."
  type        = number
  default     = 60
  validation {
    condition     = var.buffer_seconds >= 0 && var.buffer_seconds <= 900 && floor(var.buffer_seconds) == var.buffer_seconds
    error_message = "The stream's interval is 0 to 900 seconds, a whole number."
  }
  validation {
    condition     = !var.label_partitions || var.buffer_seconds >= 60
    error_message = "The stream's interval is at least 60 seconds with label_partitions."
  }
}

variable "parquet" {
  description = "Glue table whose columns Firehose writes as Parquet instead of JSON lines; null = JSON lines. What has no column is left out."
  type = object({
    database = string
    table    = string
  })
  default = null
}

variable "compress" {
  description = "Whether objects are compressed: JSON lines with gzip, Parquet with Snappy."
  type        = bool
  default     = true
}

variable "prefix" {
  description = "Folder of the objects, ending in '/'; dt=YYYY-MM-DD/ follows."
  type        = string
  default     = "posts/"
  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*/$", var.prefix)) && !startswith(var.prefix, "processing-failed/")
    error_message = "The prefix has folders of letters, digits, '-' and '_', ends in '/', and is not processing-failed/."
  }
}

variable "label_partitions" {
  description = "Whether objects lie in a folder for each label. Fixed when the stream is made; costs extra, and no post may share a record with others (producer --aggregate)."
  type        = bool
  default     = false
  validation {
    condition     = !var.label_partitions || var.transform
    error_message = "label_partitions needs transform: without scores there are no labels."
  }
}

variable "kinesis_source" {
  description = "Whether posts come by a Kinesis data stream, which is made, instead of directly."
  type        = bool
  default     = false
}

variable "versioned" {
  description = "Whether the bucket keeps older versions of objects."
  type        = bool
  default     = false
}

variable "expire_days" {
  description = "Days after which objects, failed records among them, are deleted; null = never."
  type        = number
  default     = null
  validation {
    condition     = var.expire_days == null ? true : var.expire_days >= 1 && floor(var.expire_days) == var.expire_days
    error_message = "Objects expire after a whole number of days, at least 1; null is never."
  }
}

variable "force_destroy" {
  description = "Whether terraform destroy deletes the bucket with the objects in it."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "Days that the log of delivery errors is kept; one of the numbers that CloudWatch Logs knows."
  type        = number
  default     = 30
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "The log's retention is a number of days that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 or years."
  }
}
