<?php
// What applications published, as they published it.
foreach (glob(getenv('DIRECTORY') . '/applications/*.xml') as $file) {
    foreach (SimpleSAML\Metadata\SAMLParser::parseDescriptorsString(file_get_contents($file)) as $id => $read) {
        $metadata[$id] = $read->getMetadata20SP();
    }
}
