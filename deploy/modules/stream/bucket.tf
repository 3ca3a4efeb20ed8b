# The bucket of the objects and the key that encrypts them.

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:in a key's policy * is the key itself
  #checkov:skip=CKV_AWS_111:in a key's policy * is the key itself
  #checkov:skip=CKV_AWS_356:in a key's policy * is the key itself
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"] # any: in a key's policy this is the key itself; IAM decides who of the account may
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }
  statement {
    sid       = "Alarms"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"] # any: in a key's policy this is the key itself
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"] # writes to the encrypted topic of module observe
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_kms_key" "this" {
  description             = "Posts of the delivery stream ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_s3_bucket" "objects" {
  #checkov:skip=CKV_AWS_18:access logs need a second bucket; CloudTrail's data events are the account's choice
  #checkov:skip=CKV2_AWS_62:nothing waits for objects
  #checkov:skip=CKV_AWS_144:a copy in another region would cost as much again, and nobody reads it
  #checkov:skip=CKV_AWS_21:var.versioned; objects of a stream are written once
  bucket        = "${var.name}-${local.account}-${local.region}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "objects" {
  bucket                  = aws_s3_bucket.objects.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "objects" {
  bucket = aws_s3_bucket.objects.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "objects" {
  bucket = aws_s3_bucket.objects.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_versioning" "objects" {
  count  = var.versioned ? 1 : 0
  bucket = aws_s3_bucket.objects.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "objects" {
  #checkov:skip=CKV_AWS_300:the rule unfinished-uploads does it for the whole bucket
  bucket = aws_s3_bucket.objects.id

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "query-results"
    status = "Enabled"
    filter {
      prefix = "athena-results/" # module analytics puts them there
    }
    expiration {
      days = 30
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  dynamic "rule" {
    for_each = var.expire_days == null ? [] : [var.expire_days]
    content {
      id     = "expire"
      status = "Enabled"
      filter {}
      expiration {
        days = rule.value
      }
      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  # Rules about versions need the versions first.
  depends_on = [aws_s3_bucket_versioning.objects]
}

data "aws_iam_policy_document" "tls" {
  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]                                                      # all of them are denied
    resources = [aws_s3_bucket.objects.arn, "${aws_s3_bucket.objects.arn}/*"] # every object
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

resource "aws_s3_bucket_policy" "objects" {
  bucket     = aws_s3_bucket.objects.id
  policy     = data.aws_iam_policy_document.tls.json
  depends_on = [aws_s3_bucket_public_access_block.objects]
}
