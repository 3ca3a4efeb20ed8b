variable "zip" {
  description = "Path of the function's zip: coldstream package --arch arm64 -o function.zip."
  type        = string
}

variable "name" {
  description = "Name of the delivery stream; all else is named after it."
  type        = string
  default     = "coldstream"
}

variable "architecture" {
  description = "Instruction set of the zip's program, arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "buffer_mb" {
  description = "MB that an object gathers before it is written: 1 to 128."
  type        = number
  default     = 64
}

variable "buffer_seconds" {
  description = "Seconds that an object gathers before it is written: 0 to 900."
  type        = number
  default     = 60
}

variable "labels" {
  description = "Labels of the model, if objects shall lie in a folder for each; empty = they do not. Fixed when the stream is made."
  type        = list(string)
  default     = []
}

variable "kinesis_source" {
  description = "Whether posts come by a Kinesis data stream instead of directly."
  type        = bool
  default     = false
}

variable "image_tag" {
  description = "Tag of the producer's image in the repository; null = not pushed yet, no producer runs."
  type        = string
  default     = null
}

variable "source_arguments" {
  description = "Arguments of the producer that choose its posts."
  type        = list(string)
  default     = ["--source", "jetstream", "--lang", "en"]
}

variable "schedule" {
  description = "When a run of the producer begins, such as rate(1 hour), with --count in source_arguments; null = it runs all the time."
  type        = string
  default     = null
}

variable "token" {
  description = "Token of the source (X, Mastodon), best given as TF_VAR_token; it is kept in Secrets Manager only."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
}

variable "token_version" {
  description = "0 = the source needs no token; else counted up with each new token."
  type        = number
  default     = 0
}

variable "backfill" {
  description = "Whether the function also scores objects under backfill/in/ by S3 Batch Operations; the zip then has to be made with --runtime aws."
  type        = bool
  default     = false
}

variable "email" {
  description = "Address that alarms are sent to; null = none."
  type        = string
  default     = null
}

variable "delete_objects" {
  description = "Whether terraform destroy deletes the objects and images too. Apply it before destroy."
  type        = bool
  default     = false
}
