<?php
// SimpleSAMLphp as an identity provider of one firm. Where it runs and what it knows stands in a folder of the test.
$here = getenv('DIRECTORY');
$config = [
    'baseurlpath' => getenv('DIRECTORY_URL') . '/',
    'certdir' => "$here/",
    'loggingdir' => "$here/",
    'datadir' => "$here/",
    'tempdir' => "$here/tmp",
    'metadatadir' => __DIR__ . '/metadata/',
    'attributenamemapdir' => getenv('SIMPLESAMLPHP_ATTRIBUTES'),
    'secretsalt' => 'of-the-tests',
    'auth.adminpassword' => 'of-the-tests',
    'timezone' => 'UTC',
    'logging.handler' => 'file',
    'logging.level' => SimpleSAML\Logger::INFO,
    'showerrors' => true,
    'errorreporting' => false,
    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'session.cookie.secure' => false,
    'session.cookie.samesite' => 'Lax',
    'session.phpsession.savepath' => "$here/tmp",
    'language.cookie.secure' => false,
    'language.default' => 'en',
    'trusted.url.domains' => [],
    'store.type' => 'phpsession',
    'metadata.sources' => [['type' => 'flatfile']],
];
