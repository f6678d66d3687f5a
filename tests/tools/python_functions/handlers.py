"""A function for each library: the few lines that its own documentation begins with. Each imports its own library only."""

import os


def powertools(event, context):
    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.event_handler import APIGatewayRestResolver
    from aws_lambda_powertools.metrics import MetricUnit

    logger, metrics, app = (
        Logger(service="tools"),
        Metrics(namespace="tools", service="tools"),
        APIGatewayRestResolver(),
    )

    @app.get("/items/<number>")
    def item(number):
        logger.info("asked", extra={"number": number})
        metrics.add_metric(name="Asked", unit=MetricUnit.Count, value=1)
        return {"item": number}

    handle = metrics.log_metrics(logger.inject_lambda_context(app.resolve))
    return handle(event, context)


def mangum(event, context):
    from fastapi import FastAPI
    from mangum import Mangum

    app = FastAPI()

    @app.get("/items/{number}")
    async def item(number: int):
        return {"item": number}

    return Mangum(app, lifespan="off")(event, context)


def apig_wsgi(event, context):
    from apig_wsgi import make_lambda_handler
    from flask import Flask

    app = Flask("tools")
    app.get("/items/<int:number>")(lambda number: {"item": number})
    return make_lambda_handler(app)(event, context)


def xray(event, context):
    from aws_xray_sdk.core import patch, xray_recorder

    patch(["botocore"])
    with xray_recorder.in_subsegment("work") as subsegment:
        subsegment.put_annotation("item", 7)
        return {"trace": subsegment.trace_id == context_trace()}


def context_trace():
    return os.environ["_X_AMZN_TRACE_ID"].partition("Root=")[2].partition(";")[0]


def embedded_metrics(event, context):
    from aws_embedded_metrics import metric_scope

    @metric_scope
    def work(metrics):
        metrics.set_namespace("tools")
        metrics.put_metric("Asked", 1, "Count")
        return {"item": event["number"]}

    return work()


def multiprocessing(event, context):
    from lambda_multiprocessing import Pool

    with Pool(2) as pool:
        return pool.map(square, event)


def square(number):
    return number * number


def decorated(event, context):
    from lambda_decorators import dump_json_body, load_json_body

    return dump_json_body(load_json_body(lambda event, context: {"body": event["body"]["number"] + 1}))(event, context)


def sentry(event, context):
    import sentry_sdk
    from sentry_sdk.integrations.aws_lambda import AwsLambdaIntegration

    kept = []
    sentry_sdk.init("http://key@127.0.0.1:9/1", transport=kept.append, integrations=[AwsLambdaIntegration()])
    sentry_sdk.capture_message("asked")
    return {"kept": len(kept), "active": sentry_sdk.get_client().get_integration(AwsLambdaIntegration) is not None}


def datadog(event, context):
    from datadog_lambda.wrapper import datadog_lambda_wrapper

    return datadog_lambda_wrapper(lambda event, context: {"item": event["number"]})(event, context)
