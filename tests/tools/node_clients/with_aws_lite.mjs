import awsLite from '@aws-lite/client'
const { hostname, port } = new URL(process.env.AWS_ENDPOINT_URL_LAMBDA)
const aws = await awsLite({ host: hostname, port: Number(port), protocol: 'http', plugins: [import('@aws-lite/lambda')] })
const { Payload } = await aws.Lambda.Invoke({ FunctionName: 'tools', Payload: { number: 7 } })
if (Payload.item !== 7) throw new Error(JSON.stringify(Payload))
