# Redshift Serverless over the same objects: a table that COPY fills, and views
# that count each id once.
#
# The statements are an output and the input of a schedule, not resources: a load
# is repeated for as long as there are posts, and Redshift forgets after a day that
# a statement has run, after which a plan would run it again.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  redshift = var.redshift == null ? [] : [var.redshift]

  # Types of Redshift; what is longer is cut off by COPY.
  redshift_types = {
    "double"             = "double precision"
    "map<string,double>" = "super"
    "string"             = "varchar(1024)"
  }
  redshift_columns = [for c in local.columns : {
    name = c.name
    type = contains(["id", "message", "text"], c.name) ? "varchar(65535)" : local.redshift_types[c.type]
  }]
  redshift_sql = {
    columns     = local.redshift_columns
    names       = join(", ", [for c in local.redshift_columns : "\"${c.name}\""])
    order       = var.scored ? "created_at, message, model, sentiment, score" : "created_at, text"
    scored      = var.scored
    location    = local.location
    compression = var.compressed ? "GZIP" : ""
    role        = one(aws_iam_role.copy[*].arn)
    region      = data.aws_region.this.name
  }
  statements = flatten([for _ in local.redshift : [for file in ["table", "load", "views"] : [
    for sql in split(";\n", templatefile("${path.module}/sql/${file}.sql.tftpl", local.redshift_sql)) : trimspace(sql) if trimspace(sql) != ""
  ]]])
  # As a batch they are one transaction: readers see the posts of before or of after
  # a load.
  load = [for r in aws_redshiftserverless_workgroup.this : {
    WorkgroupName = r.workgroup_name
    Database      = one(aws_redshiftserverless_namespace.this[*].db_name)
    SecretArn     = one(aws_redshiftserverless_namespace.this[*].admin_password_secret_arn)
    StatementName = "${var.name}-load"
    Sqls          = local.statements
  }]
}

data "aws_iam_policy_document" "assume_copy" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "copy" {
  count              = length(local.redshift)
  name               = "${var.name}-copy"
  assume_role_policy = data.aws_iam_policy_document.assume_copy.json
}

data "aws_iam_policy_document" "copy" {
  statement {
    sid       = "Objects"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.this.partition}:s3:::${var.bucket}/${var.prefix}*"] # every object of the table
  }
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${data.aws_partition.this.partition}:s3:::${var.bucket}"]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.prefix}*"] # every folder of the table
    }
  }
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]
  }
}

resource "aws_iam_role_policy" "copy" {
  count  = length(local.redshift)
  name   = "copy"
  role   = aws_iam_role.copy[0].id
  policy = data.aws_iam_policy_document.copy.json
}

# Lets nothing in or out: statements come by the Data API, and COPY does not go
# through the VPC.
resource "aws_security_group" "redshift" {
  #checkov:skip=CKV2_AWS_5:Redshift's workgroup has it
  count       = length(local.redshift)
  name        = "${var.name}-redshift"
  description = "Redshift: nothing in, nothing out"
  vpc_id      = local.redshift[0].vpc_id
}

locals {
  redshift_logs = ["connectionlog", "useractivitylog", "userlog"]
}

# Redshift would make them, for ever.
resource "aws_cloudwatch_log_group" "redshift" {
  #checkov:skip=CKV_AWS_158:names of users and statements, no posts; CloudWatch encrypts it with its own key
  #checkov:skip=CKV_AWS_338:how long it is kept is the user's choice, log_retention_days
  for_each          = toset(var.redshift == null ? [] : local.redshift_logs)
  name              = "/aws/redshift/${var.name}/${each.value}"
  retention_in_days = var.log_retention_days
}

resource "aws_redshiftserverless_namespace" "this" {
  count                            = length(local.redshift)
  namespace_name                   = var.name
  db_name                          = local.database
  admin_username                   = "coldstream"
  manage_admin_password            = true
  admin_password_secret_kms_key_id = var.kms_key_arn
  kms_key_id                       = var.kms_key_arn
  iam_roles                        = [aws_iam_role.copy[0].arn]
  log_exports                      = local.redshift_logs

  depends_on = [aws_cloudwatch_log_group.redshift]
}

resource "aws_redshiftserverless_workgroup" "this" {
  count               = length(local.redshift)
  workgroup_name      = var.name
  namespace_name      = aws_redshiftserverless_namespace.this[0].namespace_name
  base_capacity       = local.redshift[0].base_rpu
  publicly_accessible = false
  subnet_ids          = local.redshift[0].subnet_ids
  security_group_ids  = [aws_security_group.redshift[0].id]

  depends_on = [aws_iam_role_policy.copy]
}

data "aws_iam_policy_document" "assume_load" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

locals {
  scheduled = [for r in local.redshift : r.schedule if r.schedule != null]
}

resource "aws_iam_role" "load" {
  count              = length(local.scheduled)
  name               = "${var.name}-load"
  assume_role_policy = data.aws_iam_policy_document.assume_load.json
}

data "aws_iam_policy_document" "load" {
  count = length(local.scheduled)
  statement {
    sid       = "Statements"
    actions   = ["redshift-data:BatchExecuteStatement"]
    resources = [aws_redshiftserverless_workgroup.this[0].arn]
  }
  statement {
    sid       = "Password"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_redshiftserverless_namespace.this[0].admin_password_secret_arn]
  }
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]
  }
}

resource "aws_iam_role_policy" "load" {
  count  = length(local.scheduled)
  name   = "load"
  role   = aws_iam_role.load[0].id
  policy = data.aws_iam_policy_document.load[0].json
}

resource "aws_scheduler_schedule" "load" {
  count               = length(local.scheduled)
  name                = "${var.name}-load"
  description         = "Loads the posts into Redshift."
  schedule_expression = local.scheduled[0]
  kms_key_arn         = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${data.aws_partition.this.partition}:scheduler:::aws-sdk:redshiftdata:batchExecuteStatement"
    role_arn = aws_iam_role.load[0].arn
    input    = jsonencode(local.load[0])

    retry_policy {
      maximum_retry_attempts = 3
    }
  }

  depends_on = [aws_iam_role_policy.load]
}
