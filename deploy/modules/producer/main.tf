/**
 * # Module producer
 *
 * The producer as a task on Fargate: its image, its cluster, the task, and either a
 * service or a schedule.
 */

data "aws_region" "this" {}
data "aws_caller_identity" "this" {}

locals {
  pushed  = var.image_tag != null
  service = local.pushed && var.schedule == null
  command = concat(
    var.source_arguments,
    ["--to", var.target, "--stream", var.stream_name, "--spool", "/spool", "--emf"],
    var.token_version == 0 ? [] : ["--token", aws_secretsmanager_secret.token[0].arn],
  )
}

resource "aws_ecr_repository" "producer" {
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

resource "aws_ecr_lifecycle_policy" "producer" {
  repository = aws_ecr_repository.producer.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Keep the ten newest images"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 10 }
      action       = { type = "expire" }
    }]
  })
}

resource "aws_secretsmanager_secret" "token" {
  #checkov:skip=CKV2_AWS_57:the source gives tokens; nothing here could make a new one
  count                   = var.token_version == 0 ? 0 : 1
  name                    = "${var.name}/token"
  kms_key_id              = var.kms_key_arn
  description             = "Token of the producer's source"
  recovery_window_in_days = 0 # the token is the source's to give again; a kept name would block the next apply
}

resource "aws_secretsmanager_secret_version" "token" {
  count                    = var.token_version == 0 ? 0 : 1
  secret_id                = aws_secretsmanager_secret.token[0].id
  secret_string_wo         = var.token
  secret_string_wo_version = var.token_version
}

resource "aws_cloudwatch_log_group" "producer" {
  #checkov:skip=CKV_AWS_158:counts and errors, no posts; CloudWatch encrypts it with its own key
  #checkov:skip=CKV_AWS_338:how long it is kept is the user's choice, log_retention_days
  name              = "/coldstream/${var.name}"
  retention_in_days = var.log_retention_days
}

# Container Insights would make it, for ever.
resource "aws_cloudwatch_log_group" "insights" {
  #checkov:skip=CKV_AWS_158:counts and times of the task, no posts; CloudWatch encrypts it with its own key
  #checkov:skip=CKV_AWS_338:how long it is kept is the user's choice, log_retention_days
  name              = "/aws/ecs/containerinsights/${var.name}/performance"
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_cluster" "producer" {
  name = var.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  depends_on = [aws_cloudwatch_log_group.insights]
}

resource "aws_ecs_task_definition" "producer" {
  count                    = local.pushed ? 1 : 0
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory_mb
  task_role_arn            = aws_iam_role.task.arn
  execution_role_arn       = aws_iam_role.execution.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = upper(var.architecture)
  }

  # On the task's own disk: it outlives the container, not the task.
  volume {
    name = "spool"
  }

  container_definitions = jsonencode([{
    name                   = "producer"
    image                  = "${aws_ecr_repository.producer.repository_url}:${var.image_tag}"
    essential              = true
    command                = local.command
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    stopTimeout            = 30
    environment            = [{ name = "AWS_REGION", value = data.aws_region.this.name }]
    mountPoints            = [{ sourceVolume = "spool", containerPath = "/spool", readOnly = false }]
    portMappings           = []
    systemControls         = []
    volumesFrom            = []
    linuxParameters        = { capabilities = { add = [], drop = ["ALL"] } }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.producer.name
        "awslogs-region"        = data.aws_region.this.name
        "awslogs-stream-prefix" = "producer"
      }
    }
  }])
}

resource "aws_security_group" "producer" {
  name        = var.name
  description = "The producer: nothing in, HTTPS out"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.producer.id
  description       = "HTTPS to sources and AWS, whose addresses change"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_ecs_service" "producer" {
  count           = local.service ? 1 : 0
  name            = var.name
  cluster         = aws_ecs_cluster.producer.id
  task_definition = aws_ecs_task_definition.producer[0].arn
  launch_type     = "FARGATE"
  desired_count   = 1

  # Never two at a time: both would send the same posts.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.producer.id]
    assign_public_ip = var.public_address
  }

  depends_on = [aws_iam_role_policy.task, aws_iam_role_policy.execution]
}

resource "aws_scheduler_schedule" "run" {
  count               = local.pushed && var.schedule != null ? 1 : 0
  name                = var.name
  description         = "Starts a run of the producer, which ends by itself."
  schedule_expression = var.schedule
  kms_key_arn         = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_ecs_cluster.producer.arn
    role_arn = aws_iam_role.schedule[0].arn

    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.producer[0].arn
      launch_type         = "FARGATE"
      task_count          = 1
      network_configuration {
        subnets          = var.subnet_ids
        security_groups  = [aws_security_group.producer.id]
        assign_public_ip = var.public_address
      }
    }

    retry_policy {
      maximum_retry_attempts = 3
    }
  }
}
