import { AwsClient } from 'aws4fetch'
const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: region } = process.env
const aws = new AwsClient({ accessKeyId, secretAccessKey, region, service: 'lambda' })
const answer = await aws.fetch(`${process.env.AWS_ENDPOINT_URL_LAMBDA}/2015-03-31/functions/tools/invocations`, { method: 'POST', body: '{"number": 7}' })
const payload = await answer.json()
if (payload.item !== 7) throw new Error(JSON.stringify(payload))
