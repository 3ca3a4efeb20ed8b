terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6.0"
    }
  }
}

# Region and credentials follow the SDK's own variables and files.
provider "aws" {
  default_tags {
    tags = {
      project = "coldstream"
      stack   = var.name
    }
  }
}
