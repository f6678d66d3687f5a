-- A database of schema revision 0001 with rows of every table, as `sqlite3 .dump` writes it; made by the code of that revision.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE alias (
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(32) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	alias VARCHAR(128) NOT NULL, 
	version VARCHAR NOT NULL, 
	description VARCHAR NOT NULL, 
	weights JSON, 
	revision_id VARCHAR NOT NULL, 
	PRIMARY KEY (account, region, name, alias)
);
INSERT INTO "alias" VALUES('123456789012','us-east-1','orders','live','1','what customers use','{"2": 0.25}','0b1158b2-d016-400a-aeb2-52b7604f1ce2');
INSERT INTO "alias" VALUES('123456789012','us-east-1','orders','next','2','','null','59e4bfae-938d-4914-8a5b-c1dc723a30da');
CREATE TABLE change (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	account VARCHAR NOT NULL, 
	region VARCHAR NOT NULL, 
	name VARCHAR NOT NULL
);
INSERT INTO "change" VALUES(1,'123456789012','us-east-1','orders');
INSERT INTO "change" VALUES(2,'123456789012','us-east-1','orders');
INSERT INTO "change" VALUES(3,'123456789012','us-east-1','orders');
INSERT INTO "change" VALUES(4,'123456789012','us-east-1','orders');
INSERT INTO "change" VALUES(5,'123456789012','us-east-1','orders');
INSERT INTO "change" VALUES(6,'123456789012','us-east-1','orders');
INSERT INTO "change" VALUES(7,'123456789012','us-east-1','orders');
INSERT INTO "change" VALUES(8,'123456789012','us-east-1','thumbnails');
INSERT INTO "change" VALUES(9,'123456789012','us-east-1','deleted-again');
INSERT INTO "change" VALUES(10,'123456789012','us-east-1','deleted-again');
INSERT INTO "change" VALUES(11,'210987654321','eu-west-1','orders');
INSERT INTO "change" VALUES(12,'123456789012','us-east-1','just-created');
INSERT INTO "change" VALUES(13,'123456789012','us-east-1','thumbnails');
CREATE TABLE event (
	request_id VARCHAR NOT NULL, 
	account VARCHAR NOT NULL, 
	region VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	qualifier VARCHAR, 
	trace_id VARCHAR NOT NULL, 
	accepted_at FLOAT NOT NULL, 
	due_at FLOAT NOT NULL, 
	attempts INTEGER NOT NULL, 
	deferrals INTEGER NOT NULL, 
	claimed_by VARCHAR, 
	payload BLOB NOT NULL, 
	PRIMARY KEY (request_id)
);
INSERT INTO "event" VALUES('e-waiting','123456789012','us-east-1','orders','live','Root=1-aaaa',1800000000.0,1800000000.0,0,0,NULL,X'7B226F72646572223A20317D');
INSERT INTO "event" VALUES('e-claimed','123456789012','us-east-1','orders',NULL,'Root=1-bbbb',1800000001.0,1800000060.0,0,0,'front-door-old.1',X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF');
INSERT INTO "event" VALUES('e-retried','210987654321','eu-west-1','orders',NULL,'',1800000002.0,1800000063.0,1,2,NULL,X'7B7D');
CREATE TABLE function (
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(32) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	next_version INTEGER NOT NULL, 
	reserved_concurrency INTEGER, 
	tags JSON NOT NULL, 
	ray_options JSON, 
	PRIMARY KEY (account, region, name)
);
INSERT INTO "function" VALUES('123456789012','us-east-1','orders',3,5,'{"team": "shop", "cost centre": "42"}','null');
INSERT INTO "function" VALUES('123456789012','us-east-1','thumbnails',1,NULL,'{}','{"num_gpus": 0.5, "resources": {"fast_disk": 1.0}}');
INSERT INTO "function" VALUES('210987654321','eu-west-1','orders',1,NULL,'{}','null');
INSERT INTO "function" VALUES('123456789012','us-east-1','just-created',1,NULL,'{}','null');
CREATE TABLE function_version (
	account VARCHAR(12) NOT NULL, 
	region VARCHAR(32) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	version VARCHAR(20) NOT NULL, 
	generation VARCHAR NOT NULL, 
	published_generation VARCHAR, 
	published_version VARCHAR, 
	revision_id VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	state_reason VARCHAR, 
	state_reason_code VARCHAR, 
	last_update_status VARCHAR, 
	last_update_status_reason VARCHAR, 
	last_update_status_reason_code VARCHAR, 
	last_modified VARCHAR NOT NULL, 
	code_sha256 VARCHAR NOT NULL, 
	code_size INTEGER NOT NULL, 
	configuration JSON NOT NULL, 
	PRIMARY KEY (account, region, name, version)
);
INSERT INTO "function_version" VALUES('123456789012','us-east-1','orders','$LATEST','bfc42212-02fd-4bdc-aca8-bc357fd9d23b','bfc42212-02fd-4bdc-aca8-bc357fd9d23b','2','315d4e30-69d2-4060-8883-434c70a739ea','Active',NULL,NULL,'Successful',NULL,NULL,'2026-11-24T18:23:32.438+0000','4eda00ec1c8339b119f4f9cb5c87214fe58be10a97b87f4e421d8b29cf648f37',167,'{"Description": "Takes orders; it''s \"the\" main one, 100 % \u00fcn\u00efcode", "Timeout": 30, "MemorySize": 512, "TracingConfig": {"Mode": "PassThrough"}, "PackageType": "Zip", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512}, "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/orders"}, "Runtime": "python3.12", "Role": "arn:aws:iam::123456789012:role/r", "Handler": "app.handler", "Environment": {"Variables": {"STAGE": "live", "QUOTE": "it''s"}}}');
INSERT INTO "function_version" VALUES('123456789012','us-east-1','orders','1','df1d886a-2330-4d46-8474-c542c8ac951b',NULL,NULL,'7ece5a4a-020a-4c7d-8302-8fcdb4f37093','Active',NULL,NULL,'Successful',NULL,NULL,'2026-11-24T18:23:32.412+0000','442f9d964cbaa5d2cdf00d9a88a92966824116cea387dc7e7af69c47ab31af06',156,'{"Description": "Takes orders; it''s \"the\" main one, 100 % \u00fcn\u00efcode", "Timeout": 30, "MemorySize": 512, "TracingConfig": {"Mode": "PassThrough"}, "PackageType": "Zip", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512}, "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/orders"}, "Runtime": "python3.12", "Role": "arn:aws:iam::123456789012:role/r", "Handler": "app.handler", "Environment": {"Variables": {"STAGE": "live", "QUOTE": "it''s"}}}');
INSERT INTO "function_version" VALUES('123456789012','us-east-1','orders','2','bfc42212-02fd-4bdc-aca8-bc357fd9d23b',NULL,NULL,'64d69579-c1d2-4f30-9a5a-dab45132bc9b','Active',NULL,NULL,'Successful',NULL,NULL,'2026-11-24T18:23:32.438+0000','4eda00ec1c8339b119f4f9cb5c87214fe58be10a97b87f4e421d8b29cf648f37',167,'{"Description": "Takes orders; it''s \"the\" main one, 100 % \u00fcn\u00efcode", "Timeout": 30, "MemorySize": 512, "TracingConfig": {"Mode": "PassThrough"}, "PackageType": "Zip", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512}, "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/orders"}, "Runtime": "python3.12", "Role": "arn:aws:iam::123456789012:role/r", "Handler": "app.handler", "Environment": {"Variables": {"STAGE": "live", "QUOTE": "it''s"}}}');
INSERT INTO "function_version" VALUES('123456789012','us-east-1','thumbnails','$LATEST','3aa12f1e-affd-4b83-bf7f-cb146c2b08fa',NULL,NULL,'102e1548-0ecf-49a8-9f97-ce411a24dd20','Active',NULL,NULL,'Successful',NULL,NULL,'2026-11-24T18:23:32.461+0000','442f9d964cbaa5d2cdf00d9a88a92966824116cea387dc7e7af69c47ab31af06',156,'{"Description": "", "Timeout": 3, "MemorySize": 128, "TracingConfig": {"Mode": "PassThrough"}, "PackageType": "Zip", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512}, "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "LoggingConfig": {"ApplicationLogLevel": "DEBUG", "SystemLogLevel": "INFO", "LogFormat": "JSON", "LogGroup": "/shop/images"}, "Runtime": "python3.12", "Role": "arn:aws:iam::123456789012:role/r", "Handler": "app.handler"}');
INSERT INTO "function_version" VALUES('210987654321','eu-west-1','orders','$LATEST','9fc8e5ad-c90d-46b5-91fd-d5f5a40ded10',NULL,NULL,'10236fb5-b966-4c51-9654-b196d0a08fe7','Active',NULL,NULL,'Successful',NULL,NULL,'2026-11-24T18:23:32.475+0000','442f9d964cbaa5d2cdf00d9a88a92966824116cea387dc7e7af69c47ab31af06',156,'{"Description": "", "Timeout": 3, "MemorySize": 128, "TracingConfig": {"Mode": "PassThrough"}, "PackageType": "Zip", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512}, "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/orders"}, "Runtime": "nodejs22.x", "Role": "arn:aws:iam::210987654321:role/r", "Handler": "index.handler"}');
INSERT INTO "function_version" VALUES('123456789012','us-east-1','just-created','$LATEST','955c75d4-4518-4763-a19b-6fe5dafcec76',NULL,NULL,'9c4889e2-6671-4f8c-a35d-aed91bfeb129','Pending','The function is being created.','Creating',NULL,NULL,NULL,'2026-11-24T18:23:32.480+0000','442f9d964cbaa5d2cdf00d9a88a92966824116cea387dc7e7af69c47ab31af06',156,'{"Description": "", "Timeout": 3, "MemorySize": 128, "TracingConfig": {"Mode": "PassThrough"}, "PackageType": "Zip", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512}, "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/just-created"}, "Runtime": "python3.12", "Role": "arn:aws:iam::123456789012:role/r", "Handler": "app.handler"}');
CREATE INDEX ix_event_due ON event (due_at, account, region, name, request_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('change',13);
COMMIT;
