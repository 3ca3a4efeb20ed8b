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

variable "architecture" {
  description = "Instruction set of the zip's program, arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "buffer_mb" {
  description = "MB that an object gathers before it is written: 1 to 128."
  type        = number
  default     = 128
}

variable "buffer_seconds" {
  description = "Seconds that an object gathers before it is written: 0 to 900."
  type        = number
  default     = 300
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
