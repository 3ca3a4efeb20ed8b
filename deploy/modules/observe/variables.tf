variable "name" {
  description = "Name of the dashboard and the topic; alarms begin with it."
  type        = string
  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,64}$", var.name))
    error_message = "The name of what is watched has 1 to 64 letters, digits, '-' and '_'."
  }
}

variable "stream_name" {
  description = "Name of the delivery stream to watch."
  type        = string
}

variable "function_name" {
  description = "Name of the function to watch; null = a stream without one."
  type        = string
  default     = null
}

variable "function_log_group" {
  description = "Log group of the function, in which it counts the posts that it could not score; null = no alarm on them."
  type        = string
  default     = null
}

variable "refused" {
  description = "Posts that the function may fail to score in five minutes before an alarm is raised."
  type        = number
  default     = 0
  validation {
    condition     = var.refused >= 0
    error_message = "The alarm on posts that were not scored is above 0 posts or more."
  }
}

variable "kinesis_source" {
  description = "Whether the stream reads a Kinesis data stream."
  type        = bool
  default     = false
}

variable "function_timeout_seconds" {
  description = "Time limit of the function in seconds; the alarm on its duration is at 80 % of it."
  type        = number
  default     = 60
  validation {
    condition     = var.function_timeout_seconds >= 1 && var.function_timeout_seconds <= 900
    error_message = "The function's time limit is 1 to 900 seconds."
  }
}

variable "producer" {
  description = "Whether the producer's own figures are watched (it writes them with --emf)."
  type        = bool
  default     = false
}

variable "freshness_seconds" {
  description = "Age of the oldest post in the stream, in seconds, at which an alarm is raised: well above the buffers' intervals."
  type        = number
  default     = 900
  validation {
    condition     = var.freshness_seconds >= 60 && var.freshness_seconds <= 86400
    error_message = "The alarm on freshness is at 60 to 86400 seconds: below, the buffers' own waiting would raise it."
  }
}

variable "unsent" {
  description = "Posts that the producer may hold back before an alarm is raised."
  type        = number
  default     = 10000
  validation {
    condition     = var.unsent >= 1
    error_message = "The alarm on unsent posts is at 1 post at least."
  }
}

variable "lag_seconds" {
  description = "Age of the newest post that the producer has read, in seconds, at which an alarm is raised; null = none, for old posts."
  type        = number
  default     = 900
  validation {
    condition     = var.lag_seconds == null ? true : var.lag_seconds >= 1
    error_message = "The alarm on the producer's lag is at 1 second at least; null is none."
  }
}

variable "email" {
  description = "Address that alarms are sent to, after it was confirmed; null = the topic has no reader yet."
  type        = string
  default     = null
  validation {
    condition     = var.email == null ? true : can(regex("^[^@ ]+@[^@ ]+$", var.email))
    error_message = "The alarms' address is no e-mail address."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the topic; its policy lets cloudwatch.amazonaws.com use it."
  type        = string
}
