const AWS = require('aws-sdk')
const lambda = new AWS.Lambda({ endpoint: process.env.AWS_ENDPOINT_URL_LAMBDA })
lambda.invoke({ FunctionName: 'tools', Payload: JSON.stringify({ number: 7 }) }).promise().then(({ Payload }) => {
  if (JSON.parse(Payload).item !== 7) throw new Error(Payload)
})
