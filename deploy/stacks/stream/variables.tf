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

variable "memory_mb" {
  description = "Memory of the function in MB; 1769 MB is one processor."
  type        = number
  default     = 512
}

variable "reserved_concurrency" {
  description = "Most invocations of the function at the same time; -1 = no limit of its own."
  type        = number
  default     = -1
}

variable "function_url" {
  description = "Whether the function has a URL too, for calls with AWS signatures."
  type        = bool
  default     = false
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

variable "vpc" {
  description = "VPC and subnets of the producer (three, in three zones, with redshift), and whether it needs a public address in them; null = a VPC is made."
  type = object({
    vpc_id         = string
    subnet_ids     = list(string)
    public_address = optional(bool, false)
  })
  default = null
}

variable "private" {
  description = "Whether the VPC that is made reaches AWS only, by interface endpoints, which cost by the hour: for sources inside the image or AWS."
  type        = bool
  default     = false
  validation {
    condition     = !var.private || var.vpc == null
    error_message = "private is about the VPC that is made; with vpc it is that VPC's own affair."
  }
}

variable "redshift" {
  description = "Redshift Serverless beside Athena, such as { schedule = \"rate(1 day)\" }; null = without it, {} = loaded by hand."
  type = object({
    base_rpu = optional(number, 8)
    schedule = optional(string)
  })
  default = null
}

variable "log_retention_days" {
  description = "Days that the logs of function, stream, producer and Redshift are kept."
  type        = number
  default     = 30
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
