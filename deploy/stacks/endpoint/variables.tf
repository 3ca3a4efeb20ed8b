variable "zip" {
  description = "Path of the thin function's zip: coldstream package --remote --runtime aws -o thin.zip."
  type        = string
}

variable "program" {
  description = "Path of the coldstream program: CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -o coldstream ./tools. With server fastapi, of what bench/variants/ec2/bundle.sh wrote."
  type        = string
}

variable "server" {
  description = "What serves: coldstream, or fastapi, the published server with TensorFlow; that needs architecture x86_64."
  type        = string
  default     = "coldstream"
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
  description = "Type of the instances; it has to fit the architecture. null = t4g.small or t3.small, with server fastapi t3.medium."
  type        = string
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
