import aws4 from 'aws4'
const { host } = new URL(process.env.AWS_ENDPOINT_URL_LAMBDA)
const { path, headers, body, method } = aws4.sign({ host, service: 'lambda', region: process.env.AWS_REGION, method: 'POST', path: '/2015-03-31/functions/tools/invocations', body: '{"number": 7}' })
const answer = await fetch(`http://${host}${path}`, { method, headers, body })
const payload = await answer.json()
if (payload.item !== 7) throw new Error(JSON.stringify(payload))
