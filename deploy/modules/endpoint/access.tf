# Who reaches whom: function -> load balancer -> instances -> S3.

resource "aws_security_group" "function" {
  #checkov:skip=CKV2_AWS_5:the function has it, by output function_vpc
  name        = "${var.name}-function"
  description = "The function: nothing in, HTTP to the load balancer"
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "The load balancer: HTTP from the function, to the instances"
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "instance" {
  name        = "${var.name}-instance"
  description = "The instances: from the load balancer, HTTPS out to S3"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "function" {
  security_group_id            = aws_security_group.function.id
  description                  = "HTTP to the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = 80
  to_port                      = 80
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  #checkov:skip=CKV_AWS_260:the one sender is the function's security group
  security_group_id            = aws_security_group.balancer.id
  description                  = "HTTP from the function"
  referenced_security_group_id = aws_security_group.function.id
  ip_protocol                  = "tcp"
  from_port                    = 80
  to_port                      = 80
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "To the instances"
  referenced_security_group_id = aws_security_group.instance.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_vpc_security_group_ingress_rule" "instance" {
  security_group_id            = aws_security_group.instance.id
  description                  = "From the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

data "aws_prefix_list" "s3" {
  name = "com.amazonaws.${data.aws_region.this.name}.s3"
}

resource "aws_vpc_security_group_egress_rule" "instance" {
  security_group_id = aws_security_group.instance.id
  description       = "HTTPS to S3, for the program"
  prefix_list_id    = data.aws_prefix_list.s3.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "instance" {
  name               = "${var.name}-instance"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

data "aws_iam_policy_document" "instance" {
  statement {
    sid       = "Program"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.program.arn}/${local.key}"]
  }
}

resource "aws_iam_role_policy" "instance" {
  name   = "instance"
  role   = aws_iam_role.instance.id
  policy = data.aws_iam_policy_document.instance.json
}

resource "aws_iam_instance_profile" "instance" {
  name = "${var.name}-instance"
  role = aws_iam_role.instance.name
}

resource "aws_s3_bucket" "program" {
  #checkov:skip=CKV_AWS_18:access logs need a second bucket; CloudTrail's data events are the account's choice
  #checkov:skip=CKV2_AWS_62:nothing waits for objects
  #checkov:skip=CKV_AWS_144:the program can be built again
  #checkov:skip=CKV_AWS_21:a key has the program's SHA-256 in it, so no object is overwritten
  #checkov:skip=CKV_AWS_145:the program is public, and the instances need no right to a key
  #checkov:skip=CKV2_AWS_61:one object for each program, which Terraform deletes
  bucket        = "${var.name}-program-${data.aws_caller_identity.this.account_id}-${data.aws_region.this.name}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "program" {
  bucket                  = aws_s3_bucket.program.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Amazon's key: the program is public, and the instances need no right to a key.
resource "aws_s3_bucket_server_side_encryption_configuration" "program" {
  bucket = aws_s3_bucket.program.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

data "aws_iam_policy_document" "tls" {
  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]                                                      # all of them are denied
    resources = [aws_s3_bucket.program.arn, "${aws_s3_bucket.program.arn}/*"] # every object
    principals {
      type        = "*"
      identifiers = ["*"] # any: nobody is exempt from this denial
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "program" {
  bucket     = aws_s3_bucket.program.id
  policy     = data.aws_iam_policy_document.tls.json
  depends_on = [aws_s3_bucket_public_access_block.program]
}

resource "aws_s3_object" "program" {
  bucket      = aws_s3_bucket.program.id
  key         = local.key
  source      = var.program
  source_hash = filemd5(var.program)
  depends_on  = [aws_s3_bucket_server_side_encryption_configuration.program]
}
