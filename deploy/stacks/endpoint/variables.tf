variable "zip" {
  description = "Path of the thin function's zip: coldstream package --remote --runtime aws -o thin.zip."
  type        = string
}

variable "program" {
  description = "Path of the coldstream program: CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -o coldstream ./tools."
  type        = string
}

variable "name" {
  description = "Name of the endpoint; all else is named after it."
  type        = string
  default     = "coldstream-ec2"
}

variable "architecture" {
  description = "Instruction set of zip, program and instances, arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "instance_type" {
  description = "Type of the instances; it has to fit the architecture."
  type        = string
  default     = "t4g.small"
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
