import { readFile } from 'node:fs/promises'
import {
  CreateFunctionCommand, DeleteFunctionCommand, GetFunctionCommand, InvokeCommand, LambdaClient, UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2, waitUntilFunctionUpdatedV2
} from '@aws-sdk/client-lambda'
const client = new LambdaClient({})
const FunctionName = 'tools-sdk-v3'
await client.send(new CreateFunctionCommand({ FunctionName, Runtime: 'python3.11', Handler: 'app.handler', Role: 'arn:aws:iam::123456789012:role/tools', Code: { ZipFile: await readFile('package.zip') } }))
await waitUntilFunctionActiveV2({ client, maxWaitTime: 30 }, { FunctionName })
await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 7 }))
await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 30 }, { FunctionName })
const { Payload } = await client.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify({ number: 7 }) }))
if (JSON.parse(Payload.transformToString()).item !== 7) throw new Error(Payload.transformToString())
await client.send(new DeleteFunctionCommand({ FunctionName }))
const refused = await client.send(new GetFunctionCommand({ FunctionName })).catch((error) => error.name)
if (refused !== 'ResourceNotFoundException') throw new Error(refused)
