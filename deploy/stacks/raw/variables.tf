variable "name" {
  description = "Name of the delivery stream; all else is named after it."
  type        = string
  default     = "coldstream-raw"
}

variable "zip" {
  description = "Path of the function's zip, for scoring what is there (runtime aws); null = no function."
  type        = string
  default     = null
}

variable "format" {
  description = "Format of the posts in the bucket: json, lines as they were sent, or parquet, columns that Firehose makes of them."
  type        = string
  default     = "json"
  validation {
    condition     = contains(["json", "parquet"], var.format)
    error_message = "The posts' format is json or parquet."
  }
  validation {
    condition     = var.format == "json" || var.zip == null
    error_message = "The function scores lines of JSON: with zip, leave format at json."
  }
}

variable "architecture" {
  description = "Instruction set of the zip's program, arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "buffer_mb" {
  description = "MB that an object gathers before it is written: 1 to 128, at least 64 with format parquet."
  type        = number
  default     = 128
}

variable "buffer_seconds" {
  description = "Seconds that an object gathers before it is written: 0 to 900."
  type        = number
  default     = 300
}

variable "versioned" {
  description = "Whether the bucket keeps older versions of objects."
  type        = bool
  default     = false
}

variable "expire_days" {
  description = "Days after which objects are deleted; null = never."
  type        = number
  default     = null
}

variable "email" {
  description = "Address that alarms are sent to; null = none."
  type        = string
  default     = null
}

variable "delete_objects" {
  description = "Whether terraform destroy deletes the objects too. Apply it before destroy."
  type        = bool
  default     = false
}
