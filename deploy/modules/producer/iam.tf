# Three roles: what the program may do, what ECS does to start it, and what the
# schedule may start.

data "aws_iam_policy_document" "assume" {
  for_each = toset(["ecs-tasks.amazonaws.com", "scheduler.amazonaws.com"])
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [each.value]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

locals {
  key_actions = concat(
    var.target == "kinesis" ? ["kms:GenerateDataKey"] : [], # Firehose asks for itself
    var.token_version == 0 ? [] : ["kms:Decrypt"],
  )
}

resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  assume_role_policy = data.aws_iam_policy_document.assume["ecs-tasks.amazonaws.com"].json
}

data "aws_iam_policy_document" "task" {
  statement {
    sid       = "Send"
    actions   = var.target == "firehose" ? ["firehose:PutRecordBatch"] : ["kinesis:PutRecords"]
    resources = [var.stream_arn]
  }

  dynamic "statement" {
    for_each = length(local.key_actions) == 0 ? [] : [local.key_actions]
    content {
      sid       = "Key"
      actions   = statement.value
      resources = [var.kms_key_arn]
    }
  }

  dynamic "statement" {
    for_each = aws_secretsmanager_secret.token
    content {
      sid       = "Token"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [statement.value.arn]
    }
  }
}

resource "aws_iam_role_policy" "task" {
  name   = "task"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.assume["ecs-tasks.amazonaws.com"].json
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # any: the login is the registry's; the action knows no resource
  }
  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [aws_ecr_repository.producer.arn]
  }
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.producer.arn}:*"] # every stream of this log: ECS makes their names
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "execution"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

resource "aws_iam_role" "schedule" {
  count              = local.pushed && var.schedule != null ? 1 : 0
  name               = "${var.name}-schedule"
  assume_role_policy = data.aws_iam_policy_document.assume["scheduler.amazonaws.com"].json
}

data "aws_iam_policy_document" "schedule" {
  count = local.pushed && var.schedule != null ? 1 : 0
  statement {
    sid       = "Run"
    actions   = ["ecs:RunTask"]
    resources = [aws_ecs_task_definition.producer[0].arn]
  }
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"] # of the schedule itself
    resources = [var.kms_key_arn]
  }
  statement {
    sid       = "Roles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.task.arn, aws_iam_role.execution.arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "schedule" {
  count  = local.pushed && var.schedule != null ? 1 : 0
  name   = "schedule"
  role   = aws_iam_role.schedule[0].id
  policy = data.aws_iam_policy_document.schedule[0].json
}
