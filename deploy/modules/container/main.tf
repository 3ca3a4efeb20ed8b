/**
 * # Module container
 *
 * A function from a container image, for comparison.
 */

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_ecr_repository" "function" {
  name                 = var.name
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_delete
  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "KMS"
  }
}

resource "aws_iam_role" "function" {
  name               = "${var.name}-function"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:counts and errors, no posts; CloudWatch encrypts it with its own key
  #checkov:skip=CKV_AWS_338:how long it is kept is the user's choice, log_retention_days
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

data "aws_iam_policy_document" "function" {
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function.arn}:*"] # every stream of this log: Lambda makes their names
  }
}

resource "aws_iam_role_policy" "function" {
  name   = "function"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.function.json
}

resource "aws_lambda_function" "function" {
  #checkov:skip=CKV_AWS_50:its log has the time of each invocation; X-Ray needs a right on everything
  #checkov:skip=CKV_AWS_272:a signing profile is the account's; the code is pinned by its SHA-256 in the plan
  #checkov:skip=CKV_AWS_116:it is called synchronously, by bench alone
  #checkov:skip=CKV_AWS_117:it needs no network
  #checkov:skip=CKV_AWS_115:it is called by bench alone, for measurements
  count         = var.image_tag == null ? 0 : 1
  function_name = var.name
  description   = "Scores posts with TensorFlow in a container, for comparison."
  role          = aws_iam_role.function.arn
  package_type  = "Image"
  image_uri     = "${aws_ecr_repository.function.repository_url}:${var.image_tag}"
  architectures = [var.architecture]
  memory_size   = var.memory_mb
  timeout       = var.timeout_seconds
  tags          = var.tags

  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy.function]
}
