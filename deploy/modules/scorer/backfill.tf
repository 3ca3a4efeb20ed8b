# What a job of S3 Batch Operations may do: call the function, read its manifest,
# write its report.

data "aws_partition" "this" {}
data "aws_caller_identity" "this" {}

locals {
  bucket_arn = var.backfill == null ? null : "arn:${data.aws_partition.this.partition}:s3:::${var.backfill.bucket}"
}

data "aws_iam_policy_document" "assume_batch" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["batchoperations.s3.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_iam_role" "batch" {
  count              = var.backfill == null ? 0 : 1
  name               = "${var.name}-batch"
  assume_role_policy = data.aws_iam_policy_document.assume_batch.json
}

data "aws_iam_policy_document" "batch" {
  count = var.backfill == null ? 0 : 1
  statement {
    sid       = "Score"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_alias.live.arn]
  }
  statement {
    sid       = "Manifests"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${local.bucket_arn}/backfill/manifests/*"] # every manifest
  }
  statement {
    sid       = "Reports"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arn}/backfill/reports/*"] # S3 names the reports
  }
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.backfill.kms_key_arn]
  }
}

resource "aws_iam_role_policy" "batch" {
  count  = var.backfill == null ? 0 : 1
  name   = "batch"
  role   = aws_iam_role.batch[0].id
  policy = data.aws_iam_policy_document.batch[0].json
}
