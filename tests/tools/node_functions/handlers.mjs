// A function for each library: the few lines that its own documentation begins with.
const later = (make) => { let made; return async (event, context) => (made ??= await make())(event, context) }

export const middy = later(async () => {
  const [{ default: middy }, { default: json }, { default: errors }] = await Promise.all([
    import('@middy/core'), import('@middy/http-json-body-parser'), import('@middy/http-error-handler')])
  return middy().use(json()).use(errors()).handler(async (event) => ({ statusCode: 200, body: String(event.body.number + 1) }))
})

export const powertoolsLogger = later(async () => {
  const { Logger } = await import('@aws-lambda-powertools/logger')
  const logger = new Logger({ serviceName: 'tools' })
  return async (event, context) => { logger.addContext(context); logger.info('asked', { number: event.number }); return { item: event.number } }
})

export const powertoolsMetrics = later(async () => {
  const { Metrics, MetricUnit } = await import('@aws-lambda-powertools/metrics')
  const metrics = new Metrics({ namespace: 'tools', serviceName: 'tools' })
  return async (event) => { metrics.addMetric('Asked', MetricUnit.Count, 1); metrics.publishStoredMetrics(); return { item: event.number } }
})

export const serverlessHttp = later(async () => {
  const [{ default: http }, { default: express }] = await Promise.all([import('serverless-http'), import('express')])
  const app = express()
  app.get('/items/:number', (request, response) => response.json({ item: Number(request.params.number) }))
  return http(app)
})

export const serverlessExpress = later(async () => {
  const [{ default: serverlessExpress }, { default: express }] = await Promise.all([import('@codegenie/serverless-express'), import('express')])
  const app = express()
  app.get('/items/:number', (request, response) => response.json({ item: Number(request.params.number) }))
  return serverlessExpress({ app })
})

export const lambdaApi = later(async () => {
  const { default: make } = await import('lambda-api')
  const api = make()
  api.get('/items/:number', async (request) => ({ item: Number(request.params.number) }))
  return (event, context) => api.run(event, context)
})

export const hono = later(async () => {
  const [{ Hono }, { handle }] = await Promise.all([import('hono'), import('hono/aws-lambda')])
  const app = new Hono()
  app.get('/items/:number', (context) => context.json({ item: Number(context.req.param('number')) }))
  return handle(app)
})

export const fastify = later(async () => {
  const [{ default: fastify }, { default: lambda }] = await Promise.all([import('fastify'), import('@fastify/aws-lambda')])
  const app = fastify()
  app.get('/items/:number', async (request) => ({ item: Number(request.params.number) }))
  return lambda(app)
})

export const trpc = later(async () => {
  const [{ initTRPC }, { awsLambdaRequestHandler }] = await Promise.all([import('@trpc/server'), import('@trpc/server/adapters/aws-lambda')])
  const t = initTRPC.create()
  return awsLambdaRequestHandler({ router: t.router({ item: t.procedure.query(() => 7) }) })
})

export const embeddedMetrics = later(async () => {
  const { metricScope } = await import('aws-embedded-metrics')
  return metricScope((metrics) => async (event) => { metrics.setNamespace('tools'); metrics.putMetric('Asked', 1, 'Count'); return { item: event.number } })
})

export const xray = later(async () => {
  const { default: xray } = await import('aws-xray-sdk-core')
  return async () => {
    const trace = process.env._X_AMZN_TRACE_ID.match(/Root=([^;]*)/)[1]
    return { trace: xray.getSegment().trace_id === trace }
  }
})

export const pino = later(async () => {
  const [{ default: pino }, { pinoLambdaDestination, lambdaRequestTracker }] = await Promise.all([import('pino'), import('pino-lambda')])
  const logger = pino({}, pinoLambdaDestination())
  const track = lambdaRequestTracker()
  return async (event, context) => { track(event, context); logger.info({ number: event.number }, 'asked'); return { item: event.number } }
})
