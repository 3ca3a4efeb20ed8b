variable "name" {
  description = "Name of the service; repository, cluster, roles, log and secret are named after it."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,46}[a-z0-9]$", var.name))
    error_message = "The producer's name has 2 to 48 lower case letters, digits and '-': the repository is named after it."
  }
}

variable "stream_name" {
  description = "Name of the stream that posts go into."
  type        = string
  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{1,128}$", var.stream_name))
    error_message = "The stream's name has 1 to 128 letters, digits, '_', '.' and '-'."
  }
}

variable "stream_arn" {
  description = "ARN of the stream that posts go into."
  type        = string
  validation {
    condition     = can(regex("^arn:[a-z-]+:(firehose|kinesis):", var.stream_arn)) && strcontains(var.stream_arn, ":${var.target}:")
    error_message = "The stream's ARN is that of a stream of the target, arn:aws:firehose:... or arn:aws:kinesis:...."
  }
}

variable "target" {
  description = "Kind of that stream: firehose or kinesis."
  type        = string
  default     = "firehose"
  validation {
    condition     = contains(["firehose", "kinesis"], var.target)
    error_message = "The producer's target is firehose or kinesis."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the token, the schedule and, with target kinesis, the stream."
  type        = string
}

variable "image_tag" {
  description = "Tag of the image in the repository; null = not pushed yet: the repository is made, no task."
  type        = string
  default     = null
  validation {
    condition     = var.image_tag == null ? true : can(regex("^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$", var.image_tag))
    error_message = "The image's tag has letters, digits, '_', '.' and '-'; push one with coldstream image producer --push REPOSITORY --tag TAG."
  }
}

variable "source_arguments" {
  description = "Arguments of the producer that choose its posts."
  type        = list(string)
  default     = ["--source", "jetstream", "--lang", "en"]
  validation {
    condition     = contains(var.source_arguments, "--source")
    error_message = "The producer's arguments need --source."
  }
  validation {
    condition     = length(setintersection(var.source_arguments, ["--to", "--stream", "--spool", "--token", "--emf"])) == 0
    error_message = "The producer's arguments --to, --stream, --spool, --token and --emf are set by this module."
  }
}

variable "schedule" {
  description = "When a run begins, such as rate(1 hour) or cron(0 6 * * ? *); source_arguments then hold --count. null = one task that runs all the time."
  type        = string
  default     = null
  validation {
    condition     = var.schedule == null ? true : can(regex("^(rate|cron|at)\\(.+\\)$", var.schedule))
    error_message = "The schedule is rate(...), cron(...) or at(...)."
  }
  validation {
    condition     = var.schedule == null || contains(var.source_arguments, "--count")
    error_message = "A producer with a schedule needs --count in source_arguments: a run has to end."
  }
}

variable "token" {
  description = "Token of the source (X, Mastodon). It goes into Secrets Manager and into no state or plan."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true
  validation {
    condition     = var.token == null ? true : trimspace(var.token) != ""
    error_message = "The token is empty: leave it out for sources that need none."
  }
  validation {
    condition     = var.token == null || var.token_version > 0
    error_message = "A token needs token_version, 1 for the first and counted up with each new one: otherwise it would not be written."
  }
}

variable "token_version" {
  description = "0 = the source needs no token; else counted up with each new token, which writes it."
  type        = number
  default     = 0
  validation {
    condition     = var.token_version >= 0 && floor(var.token_version) == var.token_version
    error_message = "The token's version is 0 for none, else a whole number that is counted up."
  }
}

variable "cpu" {
  description = "Units of processor time of the task: 256 is a quarter of one."
  type        = number
  default     = 256
  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.cpu)
    error_message = "The task's processor time is 256, 512, 1024, 2048 or 4096 units."
  }
}

variable "memory_mb" {
  description = "Memory of the task in MB; one that Fargate has for cpu."
  type        = number
  default     = 512
  validation {
    condition = contains({
      256  = [512, 1024, 2048]
      512  = range(1024, 4097, 1024)
      1024 = range(2048, 8193, 1024)
      2048 = range(4096, 16385, 1024)
      4096 = range(8192, 30721, 1024)
    }[contains([256, 512, 1024, 2048, 4096], var.cpu) ? var.cpu : 256], var.memory_mb)
    error_message = "Fargate has not this memory for this cpu: 512, 1024 or 2048 MB for 256, 1024 to 4096 for 512, 2048 to 8192 for 1024, 4096 to 16384 for 2048, 8192 to 30720 for 4096, in steps of 1024."
  }
}

variable "architecture" {
  description = "Instruction set of the image, arm64 or x86_64."
  type        = string
  default     = "arm64"
  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "vpc_id" {
  description = "VPC of the task."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the task."
  type        = list(string)
  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "The producer needs at least one subnet."
  }
}

variable "public_address" {
  description = "Whether the task gets a public address: needed in subnets that reach the internet without NAT."
  type        = bool
  default     = true
}

variable "force_delete" {
  description = "Whether terraform destroy deletes the repository with the images in it."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "Days that the task's log is kept; one of the numbers that CloudWatch Logs knows."
  type        = number
  default     = 30
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "The log's retention is a number of days that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 or years."
  }
}
